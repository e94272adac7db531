"""`eks-assets account-for`: every call that changed something since a time, and whose it was."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.since import parse_since
from eks_assets.engine.account import account_for as account_for_changes
from eks_assets.plan.account import account_lines, account_markdown
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import dump_json

Since = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="How long ago (90m, 12h, 30d, 8w), or a date or time (UTC).")
]
Markdown = Annotated[bool, typer.Option("--markdown", help="A report for an auditor, in Markdown.")]


def account_for(
    environment: EnvironmentName, since: Since, json_output: Json = False, markdown: Markdown = False
) -> None:
    """Show every call that changed something since a time, and whose it was.

    Calls in AWS and in the cluster are matched to runs of the ledger and to programs that act for what is declared;
    what is left nobody approved. Exit 0 all accounted for, 4 calls that nobody approved, 1 a source is missing."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    began = parse_since(since, dt.datetime.now(dt.UTC))
    with Console(stderr=True).status(f"reading what changed in {env.name}"):
        report = account_for_changes(registry, Context.of(env), began)
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    elif markdown:
        print(account_markdown(report))
    else:
        console = Console(soft_wrap=True)
        for line in account_lines(report):
            print_text(console, line)
    raise SystemExit(report.exit_code)
