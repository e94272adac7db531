"""Wrong input through the command line: an exit code, a sentence that says what, where and what to do, and nothing
changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.config.environment import Environment
from resources.context import Context
from sandbox.paths import PROJECT, StateDirectory
from tests.conftest import Cli
from tests.e2e.request_log import READING
from tests.e2e.runs import revisions

pytestmark = pytest.mark.sandbox
Refused = Callable[..., str]


class Files:
    """A copy of `environments/` to make mistakes in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def change(self, file: str, **fields: Any) -> None:
        """Set fields of a file; a mapping is merged into the one that is there, None removes the field."""
        path = self.folder / file
        document = yaml.safe_load(path.read_text())
        for key, value in fields.items():
            if value is None:
                del document[key]
            elif isinstance(value, dict):
                document[key] = {**document.get(key, {}), **value}
            else:
                document[key] = value
        path.write_text(yaml.safe_dump(document))


@pytest.fixture
def files(environments: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    return Files(environments)


def writes(state: StateDirectory) -> list[str]:
    """The AWS calls so far that changed something, as the pipeline or as the one who started it."""
    calls = []
    for line in (state.embedded_aws / "state" / "requests.log").read_text().splitlines():
        entry = json.loads(line)
        who, action = entry["access_key_id"], entry["action"]
        # The sandbox's stand-ins for the cluster's controllers act with the account's number as their key.
        if not who.isdigit() and not action.startswith(READING):
            calls.append(f"{entry['service']}:{action}")
    return calls


@pytest.fixture
def refused(sandbox: StateDirectory, eks_assets: Cli) -> Refused:
    """Runs a deploy that must be refused, and returns what it said; nothing may have been changed."""

    def run(code: int, *arguments: str, **env: str) -> str:
        before = writes(sandbox)
        done = eks_assets("deploy", *(arguments or ("sandbox",)), timeout=60, **env)
        assert writes(sandbox) == before
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run


def test_deploy_refuses_unknown_field(account: Environment, files: Files, refused: Refused) -> None:
    """A misspelled field is named with its file and the nearest known field."""
    files.change("sandbox.yaml", karpenter_versoin="1.14.1")
    said = refused(2)
    assert "sandbox.yaml:" in said
    assert "karpenter_versoin" in said
    assert 'did you mean "karpenter_version"?' in said


def test_deploy_refuses_unknown_environment(account: Environment, files: Files, refused: Refused) -> None:
    """An unknown environment is refused with the nearest known name."""
    said = refused(2, "sandbx")
    assert "there is no environment sandbx in" in said
    assert 'did you mean "sandbox"?' in said


def test_deploy_refuses_missing_cluster_file(account: Environment, files: Files, refused: Refused) -> None:
    """A cluster file that does not exist is refused with the nearest file."""
    files.change("sandbox.yaml", cluster="clusters/sandbx.yaml")
    said = refused(2)
    assert "cluster: there is no file" in said
    assert 'did you mean "sandbox.yaml"?' in said


def test_deploy_refuses_real_account_with_sandbox_true(account: Environment, files: Files, refused: Refused) -> None:
    """`sandbox: true` with a real account's number is refused."""
    files.change("sandbox.yaml", account="111122223333")
    said = refused(2)
    assert "account: 111122223333 with sandbox: true" in said


def test_deploy_refuses_credentials_of_other_account(
    account: Environment, files: Files, refused: Refused, sandbox: StateDirectory
) -> None:
    """Credentials of another account, here the keys of a root user of it, are refused with both accounts."""
    content = json.loads(sandbox.state.read_text())
    content["credentials"]["root"]["access_key_id"] = "111122223333"
    elsewhere = files.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "state.json").write_text(json.dumps(content))
    files.change("sandbox.yaml", roles={"deployer": None})
    document = yaml.safe_load((files.folder / "sandbox.yaml").read_text())
    document["roles"] = {}
    (files.folder / "sandbox.yaml").write_text(yaml.safe_dump(document))
    administrator = {"arn": "arn:aws:iam::000000000000:role/someone", "groups": ["system:masters"]}
    files.change("clusters/sandbox.yaml", iamIdentityMappings=[administrator])
    said = refused(2, EKS_ASSETS_SANDBOX_DIR=str(elsewhere))
    assert "environment sandbox is account 000000000000, but the credentials are arn:aws:iam::111122223333:root" in said
    assert "use credentials of account 000000000000" in said


def test_deploy_refuses_other_region_in_cluster_file(account: Environment, files: Files, refused: Refused) -> None:
    """A cluster file with another region than the environment's is refused."""
    files.change("clusters/sandbox.yaml", metadata={"region": "eu-west-1"})
    said = refused(2)
    assert "metadata.region: eu-west-1 is not the environment's; allowed: ${AWS_REGION}, which is us-west-2" in said


def test_deploy_refuses_missing_deployer_role(account: Environment, files: Files, refused: Refused) -> None:
    """A deployer role that does not exist is named, with the bootstrap command."""
    files.change("sandbox.yaml", roles={"deployer": {"arn": "arn:aws:iam::000000000000:role/nobody"}})
    said = refused(2)
    assert "cannot act as arn:aws:iam::000000000000:role/nobody" in said
    assert "eks-assets bootstrap sandbox --apply" in said


def test_deploy_refuses_wrong_external_id(account: Environment, files: Files, refused: Refused) -> None:
    """A role that wants another external id is named, with a hint at it."""
    arn = "arn:aws:iam::000000000000:role/eks-assets-deployer"
    files.change("sandbox.yaml", roles={"deployer": {"arn": arn, "external_id": "guessed"}})
    said = refused(2)
    assert f"cannot act as {arn}" in said
    assert "is its external id the environment's?" in said


def test_deploy_refuses_lookup_of_missing_vpc(account: Environment, files: Files, refused: Refused) -> None:
    """A lookup that matches no VPC is refused with its tags and the field."""
    document = yaml.safe_load((files.folder / "sandbox.yaml").read_text())
    document["network"] = {"lookup": {"tags": {"Name": "somewhere"}}}
    (files.folder / "sandbox.yaml").write_text(yaml.safe_dump(document))
    said = refused(2)
    assert "no VPC has the tags Name=somewhere" in said
    assert "network.lookup.tags" in said


def test_deploy_refuses_replacement_of_cluster(
    platform: Environment, files: Files, refused: Refused, context: Context
) -> None:
    """A change that would replace the cluster is refused, and no release is touched."""
    before = revisions(context)
    files.change("clusters/sandbox.yaml", kubernetesNetworkConfig={"serviceIPv4CIDR": "172.21.0.0/16"})
    said = refused(2)
    assert "the change would replace the EKS cluster demo-sandbox-cluster" in said
    assert "KubernetesNetworkConfig.ServiceIpv4Cidr from EKS's own choice to 172.21.0.0/16" in said
    assert revisions(context) == before


def test_deploy_refuses_removal_of_secrets_encryption(platform: Environment, files: Files, refused: Refused) -> None:
    """Removing the encryption of secrets, which EKS cannot do, is refused."""
    files.change("clusters/sandbox.yaml", secretsEncryption=None)
    assert "EncryptionConfig removed" in refused(2)


def test_deploy_without_running_sandbox_says_next_step(account: Environment, refused: Refused, tmp_path: Path) -> None:
    """Where the sandbox is down, the error names the command that starts it."""
    said = refused(2, EKS_ASSETS_SANDBOX_DIR=str(tmp_path))
    assert "the sandbox is not running" in said
    assert "eks-assets sandbox up" in said


def test_sandbox_up_without_go_says_what_to_install(tmp_path: Path) -> None:
    """An empty cache, no Go on PATH and no package index: `sandbox up` says what it needs."""
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": str(Path(sys.executable).parent)}
    environment |= {"EKS_ASSETS_SANDBOX_DIR": str(tmp_path / "sandbox"), "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    environment |= {"UV_NO_INDEX": "1", "KUBEBUILDER_ASSETS": ""}
    command = [sys.executable, "-m", "eks_assets.cli", "sandbox", "up"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "built with Go, and there is no Go >= 1.21 on PATH" in done.stderr
    assert "Install Go." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "sandbox" / "state.json").exists()
