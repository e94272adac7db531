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
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import dump_json

Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 also where something cannot be compared.")]


def drift(
    environment: EnvironmentName,
    only: Only = None,
    wave: WaveOption = None,
    json_output: Json = False,
    strict: Strict = False,
) -> None:
    """Show what differs from what was applied last, field by field, and who changed it. Changes nothing.

    Exit 0 in sync, 4 findings, 1 where a read failed that should work. What cannot be compared is listed."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    chosen = select_units(registry, only, wave)
    with Console(stderr=True).status(f"comparing {env.name}") as status:
        done: list[str] = []

        def progress(unit: str) -> None:
            done.append(unit)
            status.update(f"comparing {env.name}: {len(done)} of {len(registry.units)} units")

        report = detect_drift(registry, Context.of(env, planning=True), chosen, progress)
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_drift(report, Console(soft_wrap=True))
    raise SystemExit(report.exit_code(strict=strict))


def print_drift(report: DriftReport, console: Console) -> None:
    """The report for people."""
    for unit, findings in groupby(report.findings, key=lambda f: f.unit):
        print_text(console, str(unit), "bold")
        for finding in findings:
            print_text(console, f"  {_line(finding)}", indent="    ")
    for entry in report.unknown:
        style = "red" if entry.failed else "magenta"
        print_text(console, f"cannot be compared: {entry.unit}: {entry.object}: {entry.reason}", style)
    if report.pending:
        print_text(console, f"not applied yet: {', '.join(report.pending)}", "dim")
    counts = f"{len(report.findings)} findings, {len(report.unknown)} cannot be compared"
    print_text(console, f"{report.environment}: {counts} ({report.seconds} s)")


def _line(finding: FindingEntry) -> str:
    at = f": {finding.path}" if finding.path else ""
    who = f", by {finding.culprit}" if finding.culprit else ""
    since = f" at {finding.since}" if finding.since else ""
    values = f"{value_words(finding.expected, full=False)} -> {value_words(finding.observed, full=False)}"
    return f"{finding.id} {finding.kind} {finding.object}{at}: {values}{who}{since}"
