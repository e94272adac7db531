"""The live table of a deploy, as a terminal of some height shows it."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from eks_assets.cli.runs.live_table import Row, live_table
from eks_assets.units import load_registry


def lines(rows: dict[str, Row], height: int | None) -> list[str]:
    screen = Console(file=StringIO(), width=100)
    screen.print(live_table("sandbox", rows, load_registry(), height))
    assert isinstance(screen.file, StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def in_the_middle_of_a_deploy() -> dict[str, Row]:
    names = [unit.name for unit in load_registry().units]
    rows = {name: Row("done" if i < 15 else "waiting", 1, 2) for i, name in enumerate(names)}
    return rows | {"cluster": Row("running", 1, message="AWS::EKS::Cluster Cluster: CREATE_IN_PROGRESS\nmore")}


def test_live_table_has_a_line_per_unit_if_there_is_room() -> None:
    """With enough lines every unit is shown, with the first line of its message."""
    rows = in_the_middle_of_a_deploy()
    shown = lines(rows, None)
    assert len(shown) == len(rows) + 2
    done = sum(row.state == "done" for row in rows.values())
    assert shown[0] == f"deploy sandbox: {done} of {len(rows)} units done"
    (cluster,) = [line for line in shown if " cluster " in line]
    assert cluster.endswith("AWS::EKS::Cluster Cluster: CREATE_IN_PROGRESS")


def test_live_table_on_low_terminal_prefers_running_and_failed() -> None:
    """Running and failed units come first, then waiting ones, then those that are done."""
    rows = in_the_middle_of_a_deploy() | {"validation": Row("failed", 1, 2, "no answer")}
    shown = lines(rows, 10)
    assert len(shown) == 9, "and the cursor's line"
    text = "\n".join(shown)
    assert " cluster " in text
    assert "no answer" in text
    assert "hosted_zone" not in text, "done first of all"
    assert "daemon_addons" in text, "the next of those that wait"
    assert len(lines(rows, 24)) == 23


def test_live_table_never_wraps_a_line() -> None:
    """A long list of needs is cut instead of wrapped."""
    rows = {name: Row() for name in ("validation", *load_registry().needs["validation"])}
    assert len(lines(rows, None)) == len(rows) + 2
