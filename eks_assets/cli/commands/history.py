"""`eks-assets history`: what happened to an environment, from its ledger."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.cli.selection import select_units
from eks_assets.cli.since import parse_since
from eks_assets.engine.declared import git_trees
from eks_assets.engine.history import list_history
from eks_assets.plan.history import HistoryReport
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.model.display import dump_json, escape_line

PIPE_WIDTH = 500  # columns where there is no terminal to ask
_STYLE = {
    "failed": "red",
    "rejected": "red",
    "closed": "red",
    "committed": "cyan",
    "drifted": "magenta",
    "repaired": "cyan",
    "rolled_back": "yellow",
    "approved": "green",
    "planned": "dim",
}

Since = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="How long ago (90m, 12h, 30d, 8w), or a date or time (UTC).")
]
Unit = Annotated[str | None, typer.Option("--unit", help="Only what was asked, decided and done about this unit.")]


def history(environment: EnvironmentName, since: Since = "30d", unit: Unit = None, json_output: Json = False) -> None:
    """Show who planned, decided, changed and repaired what, what failed and what drifted, the newest last."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    begin = parse_since(since, dt.datetime.now(dt.UTC))
    select_units(registry, [unit] if unit is not None else None, None)
    trees = {name: tree for name, tree in git_trees(registry, env).items() if unit in (None, name)}
    report = list_history(open_environment(env, planning=True), begin, unit, trees)
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_history(report, Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH))


def print_history(report: HistoryReport, console: Console) -> None:
    """The events as a table, and a last line that counts them."""
    table = Table(box=None, pad_edge=False)
    for heading in ("time (UTC)", "what", "unit", "who", "detail"):
        table.add_column(heading, no_wrap=heading in ("time (UTC)", "what", "unit"))
    for event in report.events:
        table.add_row(
            Text(f"{event.at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}", style="dim"),
            Text(event.kind.replace("_", " "), style=_STYLE.get(event.kind, "")),
            Text(event.unit or ""),
            # Of an ARN what tells one from another; the JSON has all of it.
            Text(escape_line(event.who.rpartition(":")[2] if event.who.startswith("arn:") else event.who), style="dim"),
            Text(escape_line(event.detail)),
        )
    if report.events:
        console.print(table)
    for line in report.ignored:
        print_text(console, f"ignored: {line}", "yellow")
    print_text(console, f"{report.environment}: {len(report.events)} events since {report.since:%Y-%m-%d %H:%M} UTC")
