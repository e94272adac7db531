"""A deployed sandbox goes back to its snapshot: what was changed in AWS, cluster, git and registry is as before."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from sandbox import lifecycle
from sandbox.errors import InvalidRequest, SandboxError
from sandbox.git.server import REPOSITORY
from sandbox.install.sources import digest_code
from sandbox.paths import StateDirectory, read_json, write_json
from sandbox.snapshots.charts import RegistryContent
from sandbox.snapshots.commands import delete_snapshot, make_snapshot, restore_snapshot
from tests.conftest import Cli
from tests.helpers.pushed_charts import push

pytestmark = pytest.mark.sandbox
PARAMETER = "/demo/sandbox/snapshot-test"


@pytest.fixture
def changed(restored: Environment, sandbox: StateDirectory, admin: Aws, kubectl: Any) -> None:
    """A ConfigMap less, a parameter more, a commit by somebody, a chart more."""
    kubectl("delete", "configmap", "--namespace=argocd", "argocd-cm")
    admin.client("ssm").put_parameter(Name=PARAMETER, Value="later", Type="String")
    parent = head(sandbox.git)
    commit = git(sandbox.git, "commit-tree", f"{parent}^{{tree}}", "-p", parent, "-m", "later")
    git(sandbox.git, "update-ref", "refs/heads/develop/demo-sandbox", commit)
    push(registry_of(sandbox), "later", "1", b"later")


def test_all_of_it_comes_back_and_deploy_has_nothing_to_do(
    changed: None, deployed_snapshot: str, sandbox: StateDirectory, account: Environment, eks_assets: Cli
) -> None:
    done = eks_assets("sandbox", "restore", deployed_snapshot)
    assert done.returncode == 0, done.stderr
    assert head(sandbox.git) == head_of_snapshot(sandbox, deployed_snapshot)
    ssm = Aws(account, as_deployer=False).client("ssm")
    assert ssm.get_parameters(Names=[PARAMETER])["InvalidParameters"] == [PARAMETER]
    assert not RegistryContent(registry_of(sandbox)).tags().get("charts/later")
    again = eks_assets("deploy", "sandbox")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "sandbox: nothing to do" in again.stdout
    assert eks_assets("status", "sandbox").returncode == 0


def test_a_sandbox_that_is_down_comes_up_as_it_was(
    changed: None, deployed_snapshot: str, sandbox: StateDirectory, eks_assets: Cli
) -> None:
    lifecycle.stop_sandbox(sandbox)
    running = restore_snapshot(deployed_snapshot, sandbox)
    assert running["code"] == digest_code()
    assert head(sandbox.git) == head_of_snapshot(sandbox, deployed_snapshot)
    done = eks_assets("status", "sandbox")
    assert done.returncode == 0, done.stdout


def test_it_goes_on_while_a_snapshot_is_made(platform: Environment, sandbox: StateDirectory) -> None:
    def process_ids() -> dict[str, int]:
        return {one["name"]: one["pid"] for one in lifecycle.sandbox_status(sandbox)["processes"]}

    before = process_ids()
    make_snapshot("second", sandbox)
    delete_snapshot("second", sandbox)
    assert process_ids().items() >= before.items(), "Argo CD's processes may have started meanwhile"
    assert all(process["healthy"] for process in lifecycle.sandbox_status(sandbox)["processes"])


def test_a_sandbox_that_runs_other_code_is_refused(platform: Environment, sandbox: StateDirectory) -> None:
    running = read_json(sandbox.state)
    write_json(sandbox.state, {**running, "code": "0" * 64})
    try:
        with pytest.raises(InvalidRequest, match="other code"):
            make_snapshot("other", sandbox)
    finally:
        write_json(sandbox.state, running)


def test_nothing_lies_ready_for_a_restore_without_a_name(platform: Environment, sandbox: StateDirectory) -> None:
    with pytest.raises(SandboxError, match="No snapshot lies ready"):
        lifecycle.call(read_json(sandbox.state)["supervisor_url"], "POST", "/restore")
    assert lifecycle.sandbox_status(sandbox)["ready"]


def registry_of(sandbox: StateDirectory) -> str:
    """host:port of the sandbox's registry."""
    return str(read_json(sandbox.state)["registry"])


def head(folder: Path) -> str:
    """The commit of the environment's branch, in the repository below a folder."""
    return git(folder, "rev-parse", "develop/demo-sandbox")


def head_of_snapshot(sandbox: StateDirectory, name: str) -> str:
    return head(sandbox.snapshots / name / "state" / "git")


def git(folder: Path, *arguments: str) -> str:
    """The output of git as pat; raises CalledProcessError."""
    who = {f"GIT_{role}_{key}": "pat" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    command = ["git", "-C", str(folder / REPOSITORY), *arguments]
    done = subprocess.run(command, env={**os.environ, **who}, check=True, capture_output=True, text=True)
    return done.stdout.strip()
