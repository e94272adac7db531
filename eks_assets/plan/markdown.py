"""A plan as Markdown: for a comment on a pull request, and wave by wave for Dagster's UI. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from eks_assets.plan import upgrade_wording, wording
from eks_assets.plan.model import Entry, Plan, PlanReport
from resources.model.display import code_span, escape_markdown

COMMENT = 65_536  # characters that a comment on GitHub may have
WAVE = 1_000  # characters beyond which Dagster's UI collapses a text
FIELDS, VALUE = 40, 200


def summary_line(plan: Plan, minutes: float) -> str:
    """One line: how many changes of what kind, and how long they take."""
    units, counted = len(plan.changes), wording.count_words(plan)
    unknown = f"; {wording.with_plural(len(plan.unknown), 'unit')} could not be planned" if plan.unknown else ""
    return f"{counted}{f', {wording.duration_words(minutes)}' if units else ''}{unknown}"


def render_markdown(report: PlanReport) -> str:
    """The whole plan: a table, then the fields wave by wave, folded. At most 65,536 characters; what is left out of it
    is said at its end."""
    head = "\n".join(_head(report))
    note = f"\nMore than a comment can hold: `eks-assets plan {report.environment} --full` shows all.\n"
    if len(head) + len(note) > COMMENT:
        return head[: COMMENT - len(note)].rpartition("\n")[0] + note
    parts, left = [head], COMMENT - len(head) - len(note)
    for wave, entries in wording.by_waves(report).items():
        part, is_whole = _fold(wave, entries, left)
        parts.append(part)
        left -= len(part)
        if not is_whole:
            return "".join((*parts, note))
    return "".join(parts)


def render_by_wave(plan: Plan) -> dict[str, str]:
    """A list of the changes of each wave, each shorter than 1,000 characters."""
    return {wave: _short(entries) for wave, entries in wording.by_waves(plan).items()}


def _head(report: PlanReport) -> Iterable[str]:
    yield f"## Plan of {code_span(report.environment)}: {summary_line(report, report.minutes)}\n"
    if unwanted := wording.unwanted_line(report.environment, report.unwanted):
        yield f"{escape_markdown(unwanted)}\n"
    if report.changes:
        yield "| Wave | Unit | Action | Fields | Can be undone | Minutes |"
        yield "|---|---|---|--:|---|--:|"
    for e in report.changes:
        action = f"**{e.action}**" if e.action in ("replace", "delete") else e.action
        yield f"| {e.wave} | {e.unit} | {action} | {wording.field_count(e)} | {e.reversibility} | {e.minutes:g} |"
    yield ""
    disrupts = [f"- {entry.unit}: {escape_markdown(s)}" for entry in report.changes for s in entry.disrupts]
    yield from _titled("**Disrupts**", disrupts)
    if report.upgrade is not None:
        listed = [f for f in report.upgrade.findings if f.severity != "note"]
        words = (f"{upgrade_wording.finding_words(f, report.upgrade)} ({f.way_out})" for f in listed)
        title = f"**{escape_markdown(upgrade_wording.verdict_words(report.upgrade))}**"
        yield from _titled(title, [f"- {escape_markdown(line)}" for line in words] or ["- nothing stands in the way"])
    unknown = [f"- {entry.unit}: {escape_markdown(entry.reason)}" for entry in report.unknown]
    yield from _titled("**Could not be planned**", unknown)
    warnings, notes = list[str](), list[str]()
    for note in report.notes:
        lines = warnings if report.entry(note.unit) else notes
        lines.append(f"- {note.unit}: {escape_markdown(note.note)}")
    yield from _titled("**Warnings**", warnings)
    yield from _titled("Would not change", notes)
    yield from _titled("Not everything can be undone", [f"- {line}" for line in wording.label_meanings(report)])
    left_out = [f"- {escape_markdown(line)}" for line in wording.volatile_lines(report)]
    yield from _titled("Not compared, since it differs at every render", left_out)
    gate = wording.gate_lines(report)
    yield from _titled(escape_markdown(gate[0]) if gate else "", [f"- {_code(line)}" for line in gate[1:]])
    yield from (f"{name} {escape_markdown(commit)}\n" for name, commit in wording.source_words(report).items())
    if report.pushes:
        yield f"{escape_markdown(report.pushes)}\n"
    yield f"Digest `{report.digest}`\n\n"


def _titled(title: str, lines: list[str]) -> list[str]:
    return [f"{title}\n", *lines, ""] if lines else []


def _code(line: str) -> str:
    if not line.startswith("eks-assets "):
        return escape_markdown(line)
    command, _, words_after = line.partition(": ")
    return f"{code_span(command)}: {escape_markdown(words_after)}"


def _fold(wave: str, entries: Iterable[Entry], left: int) -> tuple[str, bool]:
    """A folded wave that is no longer than `left`, and whether all of it fitted in."""
    units = list(entries)
    head = f"<details><summary>{wave}: {wording.with_plural(len(units), 'unit')}</summary>\n\n"
    end = "</details>\n\n"
    parts, left = [head], left - len(head) - len(end)
    for entry in units:
        part = _unit(entry)
        if len(part) > left:
            return ("".join((*parts, end)) if len(parts) > 1 else ""), False
        parts.append(part)
        left -= len(part)
    return "".join((*parts, end)), True


def _unit(entry: Entry) -> str:
    rows = wording.field_rows(entry, full=False)
    lines = [line for row in rows[:FIELDS] for line in _lines(row)]
    hidden = wording.field_count(entry) - len(rows[:FIELDS])
    more = wording.with_plural(hidden, "more field" if lines else "field") + "\n\n" if hidden else ""
    text = "\n".join(lines)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    made = wording.resources_words(entry)
    return "".join(
        (
            f"**{entry.unit}**: {entry.action}, {escape_markdown(wording.change_reason(entry))}\n\n",
            f"{escape_markdown(made)}\n\n" if made else "",
            f"{fence}diff\n{text}\n{fence}\n\n" if lines else "",
            more,
        )
    )


def _lines(row: wording.Row) -> Iterable[str]:
    note = "  # forces replacement" if row.replaces else ""
    for mark, value in (("-", row.before), ("+", row.after)):
        if value is not None:
            yield f"{mark} {wording.cut_text(f'{row.path}: {value}', VALUE)}{note}"


def _short(entries: list[Entry]) -> str:
    """Units with the fields that fit in; the rest is counted."""
    lines: list[str] = []
    left = WAVE - 40
    for position, entry in enumerate(entries):
        label = "" if entry.reversibility == "reversible" else f", {entry.reversibility}"
        line = f"- **{entry.unit}**: {entry.action}, {wording.size_words(entry)}{label}"
        line += "".join(f"; {escape_markdown(sentence)}" for sentence in entry.disrupts[:2])
        if len(line) >= left:
            return "\n".join((*lines, f"- and {wording.with_plural(len(entries) - position, 'more unit')}"))
        lines.append(line)
        left -= len(line) + 1
    return "\n".join(lines)
