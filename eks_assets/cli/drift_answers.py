"""What people do about a finding in the environment's files: set it aside for a while, or make it what is wanted."""

from __future__ import annotations

from rich.console import Console

from eks_assets.cli.console import print_text
from eks_assets.engine.drift.acceptance import find_edit
from eks_assets.graph.registry import Registry
from eks_assets.plan.drift import DriftReport, FindingEntry
from resources.config.ignored_findings import IgnoredFinding, add_to_file, ignore_finding
from resources.config.loader import environment_file
from resources.config.problems import display_path
from resources.model.errors import ConfigError
from resources.support.files import replace_text


def ignored_entry(ignore: str | None, reason: str | None, until: str | None) -> IgnoredFinding | None:
    """The entry that these options ask for. Raises ConfigError where some of them are missing, or say nothing."""
    if ignore is None and reason is None and until is None:
        return None
    if ignore is None or reason is None or until is None:
        raise ConfigError("--ignore, --reason and --until go together; allowed: all three, or none")
    return ignore_finding(ignore, reason, until)


def ignore_in_file(entry: IgnoredFinding, report: DriftReport, environment: str) -> str:
    """Write the entry into the environment's file; returns where. Raises ConfigError for what is no finding now."""
    if aside := next((each for each in report.ignored if each.id == entry.finding), None):
        raise ConfigError(
            f"{entry.finding} is ignored already, until {aside.until} ({aside.reason})",
            next_step="change that entry of drift.ignore in the environment's file",
        )
    finding_of(entry.finding, report)
    file = environment_file(environment)
    add_to_file(entry, file)
    return display_path(file)


def finding_of(name: str, report: DriftReport) -> FindingEntry:
    """The finding with that id, ignored or not. Raises ConfigError, with the ids that there are, for what is none."""
    finding = next((each for each in (*report.findings, *report.ignored) if each.id == name), None)
    if finding is None:
        ids = ", ".join(each.id for each in report.findings) or "none"
        raise ConfigError(f"{name!a} is no finding of {report.environment} now; allowed: {ids}")
    return finding


def accept_in_file(
    name: str, report: DriftReport, environment: str, registry: Registry, console: Console, *, write: bool
) -> None:
    """Show the edit that makes the finding what is wanted, and with `write` make it. Raises ConfigError for what is no
    finding, or where no field says it."""
    edit = find_edit(registry, environment_file(environment), finding_of(name, report))
    print_text(console, f"{display_path(edit.file)}: {edit.location}: {edit.before} -> {edit.after}")
    if edit.also:
        print_text(console, f"  this changes, too: {', '.join(edit.also)}")
    if not write:
        print_text(console, "  --write makes this edit", "dim")
        return
    try:
        replace_text(edit.file.resolve(), edit.text)
    except OSError as error:
        raise ConfigError(f"{edit.file} cannot be written: {error.strerror}") from None
    print_text(console, "  written; the next deploy asks for it")
