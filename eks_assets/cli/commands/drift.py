"""`eks-assets drift`: what differs from what was applied last, and who did it; nothing changed."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json, Only, WaveOption
from eks_assets.cli.console import print_text
from eks_assets.cli.selection import select_units
from eks_assets.engine.drift import detect_drift
from eks_assets.plan.drift import DriftReport, FindingEntry
from eks_assets.plan.wording import value_words
from eks_assets.units import load_registry
from resources.config.ignored_findings import IgnoredFinding, add_to_file, ignore_finding
from resources.config.loader import environment_file, load_environment
from resources.config.problems import display_path
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
) -> None:
    """Show what differs from what was applied last, field by field, and who changed it. Changes nothing.

    With --ignore the environment's file is changed: the finding is set aside until that day.

    Exit 0 in sync, 4 findings, 1 where a read failed that should work. What cannot be compared is listed."""
    entry = _entry(ignore, reason, until)
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    chosen = select_units(registry, only, wave)
    with Console(stderr=True).status(f"comparing {env.name}") as status:
        done: list[str] = []

        def progress(unit: str) -> None:
            done.append(unit)
            status.update(f"comparing {env.name}: {len(done)} of {len(registry.units)} units")

        report = detect_drift(registry, Context.of(env, planning=True), chosen, progress)
    if entry is not None:
        _ignore(entry, report, environment)
        return
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_drift(report, Console(soft_wrap=True))
    raise SystemExit(report.exit_code(strict=strict))


def _entry(ignore: str | None, reason: str | None, until: str | None) -> IgnoredFinding | None:
    if ignore is None and reason is None and until is None:
        return None
    if ignore is None or reason is None or until is None:
        raise ConfigError("--ignore, --reason and --until go together; allowed: all three, or none")
    return ignore_finding(ignore, reason, until)


def _ignore(entry: IgnoredFinding, report: DriftReport, environment: str) -> None:
    """Write the entry into the environment's file. Raises ConfigError for what is no finding now."""
    if aside := next((each for each in report.ignored if each.id == entry.finding), None):
        raise ConfigError(
            f"{entry.finding} is ignored already, until {aside.until} ({aside.reason})",
            next_step="change that entry of drift.ignore in the environment's file",
        )
    finding = next((each for each in report.findings if each.id == entry.finding), None)
    if finding is None:
        ids = ", ".join(each.id for each in report.findings) or "none"
        raise ConfigError(f"{entry.finding} is no finding of {report.environment} now; allowed: {ids}")
    file = environment_file(environment)
    add_to_file(entry, file)
    print_text(Console(soft_wrap=True), f"ignored until {entry.until}, in {display_path(file)}: {_line(finding)}")


def print_drift(report: DriftReport, console: Console) -> None:
    """The report for people."""
    for unit, findings in groupby(report.findings, key=lambda f: f.unit):
        print_text(console, unit or _NOBODY, "bold")
        for finding in findings:
            print_text(console, f"  {_line(finding)}", indent="    ")
    for entry in report.unknown:
        style = "red" if entry.failed else "magenta"
        print_text(console, f"cannot be compared: {_name(entry.unit, entry.object)}: {entry.reason}", style)
    for aside in report.ignored:
        print_text(
            console, f"ignored until {aside.until} ({aside.reason}): {aside.unit or _NOBODY}: {_line(aside)}", "dim"
        )
    for sentence in report.lapsed:
        print_text(console, sentence, "yellow")
    for note in report.notes:
        print_text(console, note, "dim")
    if report.pending:
        print_text(console, f"not applied yet: {', '.join(report.pending)}", "dim")
    counts = f"{len(report.findings)} findings, {len(report.unknown)} cannot be compared"
    counts += f", {len(report.ignored)} ignored" if report.ignored else ""
    print_text(console, f"{report.environment}: {counts} ({report.seconds} s)")


def _name(unit: str | None, thing: str) -> str:
    return f"{unit}: {thing}" if unit else thing


def _line(finding: FindingEntry) -> str:
    at = f": {finding.path}" if finding.path else ""
    who = f", by {finding.culprit}" if finding.culprit else ""
    since = f" at {finding.since}" if finding.since else ""
    values = f"{value_words(finding.expected, full=False)} -> {value_words(finding.observed, full=False)}"
    return f"{finding.id} {finding.kind} {finding.object}{at}: {values}{who}{since}"
