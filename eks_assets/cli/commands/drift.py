"""`eks-assets drift`: what differs from what was applied last, and who did it; nothing changed."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json, Only, WaveOption
from eks_assets.cli.console import print_text
from eks_assets.cli.drift_answers import accept_in_file, ignore_in_file, ignored_entry
from eks_assets.cli.selection import select_units
from eks_assets.engine.drift.detection import detect_drift
from eks_assets.plan.drift import DriftReport
from eks_assets.plan.drift_wording import account_words, finding_words, report_words
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import dump_json
from resources.model.errors import ConfigError

Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 also where something cannot be compared.")]

Ignore = Annotated[
    str | None,
    typer.Option("--ignore", metavar="FINDING", help="Set this finding aside, with --reason and --until, in the file."),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why the finding is set aside.")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="The last day of that, such as 2026-12-31 (UTC).")
]

Accept = Annotated[
    str | None,
    typer.Option("--accept", metavar="FINDING", help="Show the edit of a file that makes this finding what is wanted."),
]
Write = Annotated[bool, typer.Option("--write", help="With --accept: make that edit.")]
_NOBODY = "declared by no unit"


def drift(
    environment: EnvironmentName,
    only: Only = None,
    wave: WaveOption = None,
    json_output: Json = False,
    strict: Strict = False,
    ignore: Ignore = None,
    reason: Reason = None,
    until: Until = None,
    accept: Accept = None,
    write: Write = False,
) -> None:
    """Show what differs from what was applied last, field by field, and who changed it. Changes nothing.

    With --ignore the environment's file is changed: the finding is set aside until that day. --accept --write changes
    the file whose value makes what is observed what is wanted.

    Exit 0 in sync, 4 findings, 1 where a read failed that should work. What cannot be compared is listed."""
    entry = ignored_entry(ignore, reason, until)
    if accept is not None and entry is not None:
        raise ConfigError("a finding is either ignored or accepted; allowed: --ignore or --accept")
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    chosen = select_units(registry, only, wave)
    with Console(stderr=True).status(f"comparing {env.name}") as status:
        done: list[str] = []

        def progress(unit: str) -> None:
            done.append(unit)
            status.update(f"comparing {env.name}: {len(done)} of {len(registry.units)} units")

        report = detect_drift(registry, Context.of(env, planning=True), chosen, progress)
    console = Console(soft_wrap=True)
    if entry is not None:
        file = ignore_in_file(entry, report, environment)
        print_text(console, f"{entry.finding} is ignored until {entry.until}, in {file}")
        return
    if accept is not None:
        accept_in_file(accept, report, environment, registry, console, write=write)
        return
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_drift(report, console)
    raise SystemExit(report.exit_code(strict=strict))


def print_drift(report: DriftReport, console: Console) -> None:
    """The report for people."""
    for unit, findings in groupby(report.findings, key=lambda f: f.unit):
        print_text(console, unit or _NOBODY, "bold")
        for finding in findings:
            print_text(console, f"  {finding_words(finding)}", indent="    ")
    for entry in report.unknown:
        style = "red" if entry.failed else "magenta"
        print_text(console, f"cannot be compared: {_name(entry.unit, entry.object)}: {entry.reason}", style)
    for aside in report.ignored:
        print_text(
            console,
            f"ignored until {aside.until} ({aside.reason}): {aside.unit or _NOBODY}: {finding_words(aside)}",
            "dim",
        )
    for sentence in report.lapsed:
        print_text(console, sentence, "yellow")
    for note in report.notes:
        print_text(console, note, "dim")
    if line := account_words(report):
        print_text(console, line, "dim")
    if report.pending:
        print_text(console, f"not applied yet: {', '.join(report.pending)}", "dim")
    print_text(console, f"{report.environment}: {report_words(report)}")


def _name(unit: str | None, thing: str) -> str:
    return f"{unit}: {thing}" if unit else thing
