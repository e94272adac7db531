"""A copy's processes know nothing of what surrounds the rehearsal."""

from __future__ import annotations

from pathlib import Path

from eks_assets.engine.rehearsal.processes import copy_variables

PRODUCTION = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAPRODUCTION000000",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/creds",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/real",
    "AWS_ENDPOINT_URL": "https://aws.example",
    "KUBECONFIG": "/real/kubeconfig",
    "HELM_KUBECONTEXT": "production",
    "HTTPS_PROXY": "http://proxy.example",
    "SSH_AUTH_SOCK": "/real/agent",
    "GIT_ASKPASS": "/real/askpass",
    "EKS_ASSETS_SANDBOX_DIR": "/real/sandbox",
}


def test_no_value_of_production_is_handed_on(tmp_path: Path) -> None:
    given = copy_variables(tmp_path, {**PRODUCTION, "PATH": "/bin", "HOME": "/home/me"})
    assert not set(PRODUCTION.values()) & set(given.values())
    assert given["PATH"] == "/bin"
    assert given["EKS_ASSETS_SANDBOX_DIR"] == str(tmp_path / "sandbox")


def test_files_in_the_home_folder_are_not_read(tmp_path: Path) -> None:
    given = copy_variables(tmp_path, {"HOME": "/home/me"})
    files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "KUBECONFIG")
    assert {given[name] for name in files} == {"/dev/null"}
