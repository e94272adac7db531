"""`eks-assets account-for`: every call that changed something since a time, and whose it was."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.engine.account import account_for as account_for_changes
from eks_assets.plan.account import account_lines, account_markdown
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import dump_json
from resources.model.errors import ConfigError

_AGO = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
Since = Annotated[
    str, typer.Option("--since", help="A time in ISO 8601 (UTC where it names no zone), or 30m, 12h, 7d.")
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


def parse_since(text: str, now: dt.datetime) -> dt.datetime:
    """The time that the words mean. Raises ConfigError for words that mean none, or one in the future."""
    if ago := _AGO.fullmatch(text):
        return now - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise _no_time(text, "it is no time") from error
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    if at > now:
        raise _no_time(text, "it is in the future")
    return at


def _no_time(text: str, reason: str) -> ConfigError:
    return ConfigError(f"--since {text}: {reason}", next_step="give a time as 2026-11-30T08:00, or 30m, 12h or 7d")
