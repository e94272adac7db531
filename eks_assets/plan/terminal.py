"""A plan as text for a terminal. No line but those of `full` is longer than the terminal is wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.text import Text

from eks_assets.plan import wording as words
from eks_assets.plan.model import Entry, PlanReport

FIELDS = 12  # of one unit, unless all are asked for
_STYLES = {"+": "green", "~": "yellow", "-": "red", "-/+": "red"}


def lines(report: PlanReport, width: int, *, full: bool = False) -> Iterator[Text]:
    """The whole plan. `full`: every field with its whole value."""
    for wave, entries in words.by_waves(report).items():
        yield Text(wave, style="bold")
        for entry in entries:
            yield from _unit(entry, width, full=full)
        yield Text("")
    for unknown in report.unknown:
        yield from _wrapped(f"? {unknown.unit} is not planned: {unknown.reason}", width, "red", "  ")
    for note in report.notes:
        yield from _wrapped(f"! {note.unit}: {note.note}", width, "yellow", "  ")
    if report.unknown or report.notes:
        yield Text("")
    yield from _summary(report, width)


def _unit(entry: Entry, width: int, *, full: bool) -> Iterator[Text]:
    mark = words.MARKS[entry.action]
    label = "" if entry.reversibility == "reversible" else f", {entry.reversibility}"
    minutes = f", {words.duration(entry.minutes)}" if entry.minutes > 1 else ""
    head = f"  {mark} {entry.unit}: {entry.action}{minutes}{label}"
    yield Text(head, style=_STYLES[mark])
    if reason := words.reason(entry):
        yield from _wrapped(reason, width, "dim", "      ")
    for sentence in entry.disrupts:
        yield from _wrapped(f"! {sentence}", width, "bold red", "      ")
    if resources := words.resources(entry):
        yield from _wrapped(resources, width, "", "      ")
    rows = words.rows(entry, full=full)
    shown = rows if full else rows[:FIELDS]
    for row in shown:
        yield from _field(row, width, full=full)
    if hidden := words.size(entry) - len(shown):
        more = f"... and {words.plural(hidden, 'more field')}" if shown else words.plural(hidden, "field")
        yield Text(f"      {more} (--full shows all)", style="dim")


def _field(row: words.Row, width: int, *, full: bool) -> Iterator[Text]:
    note = "  # forces replacement" if row.replaces else ""
    head, style = f"      {row.mark} {row.path}", _STYLES[row.mark]
    both = [value for value in (row.before, row.after) if value is not None]
    line = f"{head}: {' -> '.join(both)}{note}"
    if len(line) <= width:
        yield Text(line, style=style)
        return
    yield Text(f"{head if full else words.cut(head, width - len(note))}{note}", style=style)
    for mark, value in (("-", row.before), ("+", row.after)):
        if value is not None:
            yield Text(f"          {mark} {value if full else words.cut(value, width - 12)}", style=_STYLES[mark])


def _summary(report: PlanReport, width: int) -> Iterator[Text]:
    changing, off = len(report.changes), len(report.disabled)
    rest = [f"{report.planned - changing - len(report.unknown)} unchanged"]
    rest += [f"{len(report.unknown)} not planned"] if report.unknown else []
    rest += [f"{off} off"] if off else []
    counted = f"{report.environment}: {words.counts(report)}"
    yield from _wrapped(f"{counted} ({', '.join(rest)}).", width, "bold", "")
    if not changing:
        return
    yield from _wrapped(f"Critical path: {words.duration(report.minutes)}.", width, "", "")
    if labels := words.labels(report):
        yield from _wrapped(f"{'; '.join(labels)}.", width, "", "")
    left_out = words.volatile(report)
    if left_out:
        yield from _wrapped("Not compared, since it differs at every render:", width, "", "")
        for line in left_out:
            yield from _wrapped(line, width, "dim", "  ")
    for line in words.gate_lines(report):
        yield from _wrapped(line, width, "yellow", "")
    yield from _wrapped(f"Digest {report.digest}", width, "dim", "")


def _wrapped(text: str, width: int, style: str, indent: str) -> Iterator[Text]:
    """Text in lines broken between words; a word that is longer than a line stays whole."""
    wrapped = textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in wrapped:
        yield Text(line, style=style)
