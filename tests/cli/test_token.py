"""The command `token`, which kubectl and helm call for a token of the cluster."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from eks_assets.cli.commands.token import print_token
from resources.kubernetes.exec_credential import (
    credential_variable,
    renew_credential,
    renewal_variable,
    take_credential,
)
from resources.kubernetes.token import exec_credential


def test_token_command_prints_token_handed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program started by the pipeline gets a token in its environment; the command prints it without files or AWS."""
    credential = exec_credential("k8s-aws-v1.x", dt.datetime.now(dt.UTC))
    for name, value in credential_variable("no-such-environment", credential).items():
        monkeypatch.setenv(name, value)
    assert print_token(["no-such-environment"]) == 0
    assert json.loads(capsys.readouterr().out) == credential


@pytest.fixture
def logged_out(environments: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The published environments, and a process without AWS credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(environments / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(environments / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    return environments


@pytest.mark.parametrize("options", [[], ["--aws"]])
def test_token_command_without_credentials_says_next_step(
    options: list[str], logged_out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without AWS credentials the command says so, and how to get some."""
    file = logged_out / "acme-dev.yaml"
    text = file.read_text()
    start, end = text.index("  deployer:"), text.index("  cloudformation:")
    file.write_text(text[:start] + text[end:])
    assert print_token(["acme-dev", *options]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "no AWS credentials were found\nNext: log in to AWS, or set AWS_PROFILE\n")


@pytest.mark.parametrize("options", [[], ["--aws"]])
def test_token_command_names_role_it_cannot_assume(
    options: list[str], logged_out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A role that cannot be assumed is named, with the next step and without secrets."""

    def refuse(client: Any, operation: str, arguments: dict[str, Any]) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, operation)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    assert print_token(["acme-dev", *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot act as arn:aws:iam::111122223333:role/eks-assets-deployer" in said.err
    assert "Next: does the role exist (eks-assets bootstrap acme-dev --apply)" in said.err
    assert "secret-key" not in said.err


@pytest.mark.parametrize(
    ("environment", "minutes", "value"),
    [("other", 0, None), ("no-such-environment", 14, None), ("no-such-environment", 0, "}"), ("x", 0, "[]")],
)
def test_token_command_ignores_unusable_handed_over_token(
    environment: str, minutes: int, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token handed over for another environment, about to expire or malformed is not used."""
    made = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)
    (name, written), *_ = credential_variable(environment, exec_credential("k8s-aws-v1.x", made)).items()
    monkeypatch.setenv(name, value or written)
    assert take_credential("no-such-environment") is None
    assert print_token(["no-such-environment"]) == 2


def test_later_token_is_taken_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait of helm that outlives its token finds the next one in the pipeline's folder, and needs no AWS
    credentials."""
    now = dt.datetime.now(dt.UTC)
    old, new = exec_credential("k8s-aws-v1.old", now - dt.timedelta(hours=1)), exec_credential("k8s-aws-v1.new", now)
    for name, value in {**credential_variable("acme", old), **renewal_variable(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    assert take_credential("acme") is None
    renew_credential(tmp_path, "acme", new)
    assert take_credential("acme") == new
    assert take_credential("another") is None
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
