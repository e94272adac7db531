"""A plan document as text for a terminal. No line but those of `full` is longer than the terminal is wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from eks_assets.plan import wording as words

FIELDS = 12  # of one unit, unless all are asked for
_STYLES = {"+": "green", "~": "yellow", "-": "red", "-/+": "red"}
Entry = Mapping[str, Any]


def lines(document: Mapping[str, Any], width: int, *, full: bool = False) -> Iterator[Text]:
    """The whole plan. `full`: every field with its whole value."""
    for wave, entries in words.by_waves(document).items():
        yield Text(wave, style="bold")
        for entry in entries:
            yield from _unit(entry, width, full=full)
        yield Text("")
    for unknown in document["unknown"]:
        yield from _wrapped(f"? {unknown['unit']} is not planned: {unknown['reason']}", width, "red", "  ")
    for note in document.get("notes", ()):
        yield from _wrapped(f"! {note['unit']}: {note['note']}", width, "yellow", "  ")
    if document["unknown"] or document.get("notes"):
        yield Text("")
    yield from _summary(document, width)


def _unit(entry: Entry, width: int, *, full: bool) -> Iterator[Text]:
    mark = words.MARKS[entry["action"]]
    label = "" if entry["reversibility"] == "reversible" else f", {entry['reversibility']}"
    minutes = f", {words.duration(entry['minutes'])}" if entry["minutes"] > 1 else ""
    head = f"  {mark} {entry['unit']}: {entry['action']}{minutes}{label}"
    yield Text(head, style=_STYLES[mark])
    if reason := words.reason(entry):
        yield from _wrapped(reason, width, "dim", "      ")
    for sentence in entry["disrupts"]:
        yield from _wrapped(f"! {sentence}", width, "bold red", "      ")
    if found := words.resources(entry):
        yield from _wrapped(found, width, "", "      ")
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


def _summary(document: Mapping[str, Any], width: int) -> Iterator[Text]:
    changing, off = len(document["changes"]), len(document["disabled"])
    rest = [f"{document['planned'] - changing - len(document['unknown'])} unchanged"]
    rest += [f"{len(document['unknown'])} not planned"] if document["unknown"] else []
    rest += [f"{off} off"] if off else []
    counted = f"{document['environment']}: {words.counts(document)}"
    yield from _wrapped(f"{counted} ({', '.join(rest)}).", width, "bold", "")
    if not changing:
        return
    yield from _wrapped(f"Critical path: {words.duration(document['minutes'])}.", width, "", "")
    if labels := words.labels(document):
        yield from _wrapped(f"{'; '.join(labels)}.", width, "", "")
    left_out = words.volatile(document)
    if left_out:
        yield from _wrapped("Not compared, since it differs at every render:", width, "", "")
        for line in left_out:
            yield from _wrapped(line, width, "dim", "  ")
    for line in words.gate_lines(document):
        yield from _wrapped(line, width, "yellow", "")
    yield from _wrapped(f"Digest {document['digest']}", width, "dim", "")


def _wrapped(text: str, width: int, style: str, indent: str) -> Iterator[Text]:
    """Text in lines broken between words; a word that is longer than a line stays whole."""
    found = textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in found:
        yield Text(line, style=style)
