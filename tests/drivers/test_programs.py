"""What helm and git get of the environment of whoever calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eks_assets.engine import provenance
from resources.drivers.helm.command import run_helm
from resources.drivers.programs import run_program
from resources.model.errors import OperationFailed

SECRETS = {
    "AWS_ACCESS_KEY_ID": "planted",
    "AWS_SECRET_ACCESS_KEY": "planted",
    "AWS_PROFILE": "planted",
    "GITHUB_TOKEN": "planted",
    "DATABASE_URL": "planted",
    "HELM_DRIVER": "planted",
    "HELM_KUBEAPISERVER": "planted",
    "HELM_PLUGINS": "planted",
    "KUBECONFIG": "planted",
    "GIT_DIR": "planted",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "planted",
    "GIT_CONFIG_VALUE_0": "planted",
    "GIT_SSH_COMMAND": "planted",
    "LD_PRELOAD": "",
    "BASH_ENV": "planted",
}
PRINT = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]


@pytest.fixture(autouse=True)
def callers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and settings of whoever calls, and a proxy."""
    for name, value in {**SECRETS, "HTTPS_PROXY": "http://proxy.test", "SSL_CERT_FILE": "/ca.pem"}.items():
        monkeypatch.setenv(name, value)


def test_child_gets_a_list_of_variables(tmp_path: Path) -> None:
    """A program gets what it needs to run, proxies and authorities, and what is passed on purpose; no credentials."""
    text = run_program(PRINT, extra_env={"OURS": "1"}, inherit=["BASH_ENV"], cwd=tmp_path, timeout=60)
    given = json.loads(text)
    assert SECRETS.keys() & given.keys() == {"BASH_ENV"}
    assert given["PATH"] == os.environ["PATH"]
    assert (given["HTTPS_PROXY"], given["SSL_CERT_FILE"], given["OURS"]) == ("http://proxy.test", "/ca.pem", "1")


@pytest.mark.parametrize("with_cluster", [True, False])
def test_helm_gets_no_credentials_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_cluster: bool
) -> None:
    """helm, with a cluster or without, gets the token that is handed to it and nothing of the caller's."""
    (tmp_path / "helm").write_text(f"#!{sys.executable}\nimport json, os; print(json.dumps(dict(os.environ)))\n")
    (tmp_path / "helm").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    cluster = SimpleNamespace(kubeconfig=tmp_path / "kubeconfig", credential=lambda: {"status": {}})
    env = SimpleNamespace(name="acme", sandbox=False)
    context = cast(Any, SimpleNamespace(env=env, aws=SimpleNamespace(folder=tmp_path), cluster=cluster))
    given = json.loads(run_helm(["list"], context, timeout=60, with_cluster=with_cluster))
    assert "planted" not in given.values()
    assert given["KUBECONFIG"] == (str(tmp_path / "kubeconfig") if with_cluster else "/dev/null")
    assert ("EKS_ASSETS_EXEC_CREDENTIAL" in given) == with_cluster


def test_callers_git_variables_do_not_choose_the_commit(tmp_path: Path) -> None:
    """The commit of a folder is that of its own repository, whatever GIT_DIR says."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *command], check=True, env=own)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, env=own, capture_output=True, text=True).stdout
    assert provenance.source_commit(tmp_path) == head.strip()


def test_output_of_a_program_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What helm or git answer is not read beyond the limits of input, nor waited for."""
    monkeypatch.setenv("EKS_ASSETS_INPUT_BYTES", "1000")
    endless = [sys.executable, "-c", "while True: print('x' * 100_000)"]
    with pytest.raises(OperationFailed, match="answers with more than 100000 bytes"):
        run_program(endless, extra_env={}, cwd=tmp_path, timeout=60, interval=0.05)
    short = [sys.executable, "-c", "print('x' * 100_001)"]
    with pytest.raises(OperationFailed, match="answers with more than 100000 bytes"):
        run_program(short, extra_env={}, cwd=tmp_path, timeout=60)
