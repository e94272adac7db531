"""Nothing that failed can break, or forge, what the command line says of it."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from eks_assets.cli.app import print_error
from eks_assets.cli.commands.status import print_status
from eks_assets.cli.runs.deployment import print_result
from eks_assets.cli.runs.live_table import Row, live_table
from eks_assets.cli.runs.result import DeployResult, UnitResult
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan, UnitPlan
from eks_assets.units import load_registry
from resources.model.errors import OperationFailed, PipelineError

REASONS = ["[/usr/bin/app] crashed", "[link=https://evil.example]here[/link]", "[spec] :warning: \x1b[2J\u202e"]


def consoles() -> list[Console]:
    return [
        Console(file=StringIO(), width=200, soft_wrap=True),
        Console(file=StringIO(), width=200, force_terminal=True, color_system=None),
    ]


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("reason", REASONS)
def test_reason_is_printed_as_it_is(reason: str) -> None:
    """Brackets and colons are no markup, controls are escapes, and the report is whole."""
    for console in consoles():
        rows = {
            "loki": UnitResult("failed", f"{reason}\nsandbox: deployed, 40 units"),
            "x": UnitResult("skipped", reason),
        }
        print_result(DeployResult(40, rows), "sandbox", 1.0, console, "eks-assets deploy sandbox")
        shown = reason.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
        assert said(console).split("\n") == [
            f"failed loki: {shown}",
            "  sandbox: deployed, 40 units",
            f"not run x: {shown}",
            "Fix the cause and continue with: eks-assets deploy sandbox",
            "sandbox: failed, 0 units in 1.0 s",
            "",
        ]


@pytest.mark.parametrize("reason", REASONS)
def test_tables_show_messages_as_they_are(reason: str) -> None:
    """The live table and the status show a message without obeying it."""
    shown = reason.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    for console in consoles():
        console.print(live_table("sandbox", {"loki": Row("failed", message=reason)}, load_registry()))
        assert shown in said(console)
        check = CheckState("ready", False, reason)
        units = (
            UnitPlan("loki", "observability", "failed", checks=(check,)),
            UnitPlan("efs", "infrastructure", "unknown", error=OperationFailed(f"{reason}\nloki in_sync")),
        )
        print_status(EnvironmentPlan("sandbox", units), console, 1.0)
        assert said(console).count(shown) == 3
        assert "\u202e" not in said(console)
        assert "\x1b[2J" not in said(console)


def test_error_of_command_is_shown_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """The last words of a command cannot clear the screen or forge a line."""
    print_error(PipelineError("no \x1b[2J\nsandbox: deployed", next_step="look\u202e"))
    assert capsys.readouterr().err == "error: no \\x1b[2J\n  sandbox: deployed\n  Next: look\\u202e\n"
