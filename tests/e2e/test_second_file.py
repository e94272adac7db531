"""A second file for a platform gets nothing done, and a renamed one does once an administrator has said so."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.config.environment import Environment
from resources.context import Context
from resources.records.platform import incumbent_of
from tests.conftest import Cli

pytestmark = pytest.mark.sandbox


def test_second_file_is_refused_by_every_command(account: Environment, eks_assets: Cli, environments: Path) -> None:
    """Whatever asks AWS refuses it with exit code 2, names both files, and changes nothing."""
    text = (environments / "sandbox.yaml").read_text()
    (environments / "second.yaml").write_text(f"{text}\napproval: {{}}\n")
    decision = ("--digest", "0" * 12, "--reason", "none")
    for command in (
        ["plan", "second"],
        ["status", "second"],
        ["deploy", "second"],
        ["approvals", "second"],
        ["approve", "second", *decision],
        ["reject", "second", *decision],
        ["token", "second", "--aws"],
        ["bootstrap", "second", "--apply"],
    ):
        done = eks_assets(*command, EKS_ASSETS_ENVIRONMENTS=str(environments))
        said = done.stdout + done.stderr
        assert done.returncode == 2, said
        assert "environment second describes the platform of sandbox, 000000000000/us-west-2/demo-sandbox" in said
    assert incumbent_of(Context.of(account)) == "sandbox"


def test_renamed_file_takes_the_platform_over(account: Environment, eks_assets: Cli, environments: Path) -> None:
    """The administrator names the former name; the old file is then the one that is refused. There and back."""
    for former, name in (("sandbox", "renamed"), ("renamed", "sandbox")):
        (environments / f"{former}.yaml").rename(environments / f"{name}.yaml")
        command = ["bootstrap", name, "--apply", "--renamed-from", former]
        done = eks_assets(*command, EKS_ASSETS_ENVIRONMENTS=str(environments))
        assert done.returncode == 0, done.stdout + done.stderr
        context = Context.of(account)
        assert incumbent_of(context) == name
        row = context.aws.client("dynamodb").get_item(
            TableName="demo-sandbox-lease", Key={"environment": {"S": "platform:000000000000/us-west-2/demo-sandbox"}}
        )["Item"]
        assert former in row["names"]["SS"]
