"""The sandbox's cluster, upgraded by two minor versions: killed once, paused once, then rolled back by one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from resources.config.environment import Environment
from resources.context import Context
from resources.kubernetes.objects import list_objects
from sandbox.paths import PROJECT
from tests.conftest import Cli
from tests.e2e.conftest import Change

pytestmark = pytest.mark.sandbox
TO = ("upgrade", "sandbox", "--to", "1.36")


def live_version(env: Environment) -> str:
    client = Context.of(env).aws.client("eks")
    return str(client.describe_cluster(name=env.cluster_name)["cluster"]["version"])


def kubelets(env: Environment) -> set[str]:
    nodes = list_objects(Context.of(env).cluster, "v1", "Node", labels="eks.amazonaws.com/nodegroup")
    return {node["status"]["nodeInfo"]["kubeletVersion"].rpartition(".")[0] for node in nodes}


def kill_at(line: str) -> None:
    """Begin the upgrade, and kill it once it says so."""
    command = [sys.executable, "-m", "eks_assets.cli", *TO]
    with subprocess.Popen(
        command, cwd=PROJECT, env=os.environ.copy(), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        seen = []
        for said in process.stdout:
            seen.append(said)
            if line in said:
                os.killpg(process.pid, signal.SIGKILL)
                return
    raise AssertionError("".join(seen))


def test_two_minors_killed_and_paused_then_one_back(restored: Environment, change: Change, eks_assets: Cli) -> None:
    before = live_version(restored)
    assert before == "1.34"
    change(kubernetes_version="1.36")
    refused = eks_assets("deploy", "sandbox", "--only", "cluster")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "eks-assets upgrade ENV --to 1.36" in refused.stderr
    assert live_version(restored) == "1.34"

    began = time.monotonic()
    kill_at("1.35: control_plane")
    paused = eks_assets("upgrade", "sandbox", "--pause")
    assert paused.returncode == 0, paused.stderr
    stands = json.loads(eks_assets("status", "sandbox", "--json").stdout)["upgrade"]
    assert (stands["state"], stands["minor"], stands["step"]) == ("paused", "1.35", "control_plane")
    assert eks_assets(*TO).returncode == 2
    done = eks_assets("upgrade", "sandbox", "--resume")
    print(done.stdout, done.stderr, time.monotonic() - began)
    assert done.returncode == 0, done.stdout + done.stderr
    assert live_version(restored) == "1.36"
    assert kubelets(restored) == {"v1.36"}
    assert eks_assets("deploy", "sandbox").returncode == 0
    status = eks_assets("status", "sandbox")
    assert status.returncode == 0, status.stdout
    assert "it can go back for 7 days: eks-assets rollback sandbox --to 1.35" in status.stdout

    back = eks_assets("rollback", "sandbox", "--to", "1.35")
    print(back.stdout, back.stderr)
    assert back.returncode == 0, back.stdout + back.stderr
    assert (live_version(restored), kubelets(restored)) == ("1.35", {"v1.35"})
    held = eks_assets("deploy", "sandbox")
    assert held.returncode == 0, held.stdout + held.stderr
    assert live_version(restored) == "1.35"
