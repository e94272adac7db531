"""A plan as text for a terminal. No line but those of `full` is longer than the terminal is wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.text import Text

from eks_assets.plan import upgrade_wording, wording
from eks_assets.plan.model import Entry, PlanReport
from resources.model.display import escape_line, escape_text
from resources.upgrade.findings import UpgradeReport

FIELDS = 12  # of one unit, unless all are asked for
_STYLES = {"+": "green", "~": "yellow", "-": "red", "-/+": "red"}


def render_lines(report: PlanReport, width: int, *, full: bool = False) -> Iterator[Text]:
    """The whole plan. `full`: every field with its whole value."""
    for wave, entries in wording.by_waves(report).items():
        yield _line(wave, "bold")
        for entry in entries:
            yield from _unit(entry, width, full=full)
        yield Text("")
    for unknown in report.unknown:
        yield from _wrapped(f"? {unknown.unit} is not planned: {unknown.reason}", width, "red", "  ")
    for note in report.notes:
        yield from _wrapped(f"! {note.unit}: {note.note}", width, "yellow", "  ")
    if report.unknown or report.notes:
        yield Text("")
    if report.upgrade is not None:
        yield from render_upgrade(report.upgrade, width)
        yield Text("")
    yield from _summary(report, width)


def render_upgrade(report: UpgradeReport, width: int) -> Iterator[Text]:
    """The verdict on an upgrade: a line for it, one for each step of several, and the findings."""
    yield from _wrapped(
        upgrade_wording.verdict_words(report), width, upgrade_wording.VERDICT_STYLES[report.verdict], ""
    )
    for line in upgrade_wording.step_lines(report):
        yield from _wrapped(line, width, "", "  ")
    for finding in report.findings:
        style = upgrade_wording.SEVERITY_STYLES[finding.severity]
        yield from _wrapped(upgrade_wording.finding_words(finding, report), width, style, "  ")
        for evidence in finding.evidence:
            yield from _wrapped(evidence, width, "dim", "      ")
        if finding.way_out:
            yield from _wrapped(f"way out: {finding.way_out}", width, "", "      ")


def _unit(entry: Entry, width: int, *, full: bool) -> Iterator[Text]:
    mark = wording.MARKS[entry.action]
    label = "" if entry.reversibility == "reversible" else f", {entry.reversibility}"
    minutes = f", {wording.duration_words(entry.minutes)}" if entry.minutes > 1 else ""
    head = f"  {mark} {entry.unit}: {entry.action}{minutes}{label}"
    yield _line(head, _STYLES[mark])
    if reason := wording.change_reason(entry):
        yield from _wrapped(reason, width, "dim", "      ")
    for sentence in entry.disrupts:
        yield from _wrapped(f"! {sentence}", width, "bold red", "      ")
    if resources := wording.resources_words(entry):
        yield from _wrapped(resources, width, "", "      ")
    rows = wording.field_rows(entry, full=full)
    listed = rows if full else rows[:FIELDS]
    for row in listed:
        yield from _field(row, width, full=full)
    if hidden := wording.field_count(entry) - len(listed):
        more = (
            f"... and {wording.with_plural(hidden, 'more field')}" if listed else wording.with_plural(hidden, "field")
        )
        yield _line(f"      {more} (--full shows all)", "dim")


def _field(row: wording.Row, width: int, *, full: bool) -> Iterator[Text]:
    note = "  # forces replacement" if row.replaces else ""
    head, style = f"      {row.mark} {row.path}", _STYLES[row.mark]
    both = [value for value in (row.before, row.after) if value is not None]
    line = f"{head}: {' -> '.join(both)}{note}"
    if len(line) <= width:
        yield _line(line, style)
        return
    yield _line(f"{head if full else wording.cut_text(head, width - len(note))}{note}", style)
    for mark, value in (("-", row.before), ("+", row.after)):
        if value is not None:
            yield _line(f"          {mark} {value if full else wording.cut_text(value, width - 12)}", _STYLES[mark])


def _summary(report: PlanReport, width: int) -> Iterator[Text]:
    changing, off = len(report.changes), len(report.disabled)
    rest = [f"{report.planned - changing - len(report.unknown)} unchanged"]
    rest += [f"{len(report.unknown)} not planned"] if report.unknown else []
    rest += [f"{off} off"] if off else []
    counted = f"{report.environment}: {wording.count_words(report)}"
    yield from _wrapped(f"{counted} ({', '.join(rest)}).", width, "bold", "")
    if unwanted := wording.unwanted_line(report.environment, report.unwanted):
        yield from _wrapped(unwanted, width, "yellow", "")
    if report.pushes:
        yield from _wrapped(report.pushes, width, "dim", "")
    if not changing:
        return
    yield from _wrapped(f"Critical path: {wording.duration_words(report.minutes)}.", width, "", "")
    if labels := wording.label_meanings(report):
        yield from _wrapped(f"{'; '.join(labels)}.", width, "", "")
    left_out = wording.volatile_lines(report)
    if left_out:
        yield from _wrapped("Not compared, since it differs at every render:", width, "", "")
        for line in left_out:
            yield from _wrapped(line, width, "dim", "  ")
    for line in wording.gate_lines(report):
        yield from _wrapped(line, width, "yellow", "")
    for name, commit in wording.source_words(report).items():
        yield from _wrapped(f"{name} {commit}", width, "yellow" if " with " in commit else "dim", "")
    yield from _wrapped(f"Digest {report.digest}", width, "dim", "")


def _wrapped(text: str, width: int, style: str, indent: str) -> Iterator[Text]:
    """Text in lines broken between words; a word that is longer than a line stays whole."""
    wrapped = textwrap.wrap(
        escape_line(text),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in wrapped:
        yield _line(line, style)


def _line(text: str, style: str) -> Text:
    return Text(escape_text(text), style=style)
