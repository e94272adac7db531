"""The account of every change: what `account-for` hands out, as JSON, text and Markdown. Pure.

`docs/account-for.md` says what stands in it; `docs/account.schema.json` is made from these models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Described

from resources.model.display import escape_lines

Source = Literal["aws", "git", "kubernetes"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(_Model):
    """A call that changed something and that nobody approved."""

    source: Source
    time: str = Described(description="ISO 8601, as the source has it; of a commit, as its author says.")
    actor: str
    call: str = Described(description="AWS: service and call; Kubernetes: the verb; git: commit.")
    object: str = Described(description="What it changed, as far as the event names it.")
    address: str = ""


class Accounted(_Model):
    """Calls that belong to a run of the ledger, or to a program that acts for what is declared, summed up."""

    source: Source
    by: str
    who: str = Described("", description="Of a run: who started it, as the ledger has it.")
    calls: int
    first: str
    last: str


class AccountReport(_Model):
    """Every call that changed something in an environment since a time."""

    environment: str
    since: str
    until: str
    unapproved: tuple[Call, ...]
    accounted: tuple[Accounted, ...]
    missing: tuple[str, ...] = Described(description="Sources that could not be read, and what to do.")
    left_out: tuple[str, ...] = Described(description="What the sources by their nature do not show.")
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 all accounted for, 4 calls that nobody approved, 1 where a source is missing."""
        return 1 if self.missing else 4 if self.unapproved else 0


def account_schema() -> dict[str, Any]:
    """The JSON Schema of what `account-for --json` prints."""
    return AccountReport.model_json_schema(mode="serialization")


def sum_up(calls: Iterable[tuple[Source, str, str]], starters: Mapping[str, str]) -> tuple[Accounted, ...]:
    """Source, whose and time of calls, one entry for each whose. `starters`: who started a run, by its id."""
    times: dict[tuple[Source, str], list[str]] = {}
    for source, by, time in calls:
        times.setdefault((source, by), []).append(time)
    return tuple(
        Accounted(
            source=source,
            by=by,
            who=starters.get(by.removeprefix("run "), ""),
            calls=len(all_times),
            first=min(all_times),
            last=max(all_times),
        )
        for (source, by), all_times in sorted(times.items())
    )


def account_lines(report: AccountReport) -> Iterator[str]:
    """The report for people."""
    for call in report.unapproved:
        origin = f" from {call.address}" if call.address else ""
        yield f"{call.time} {call.actor}{origin}: {call.call} {call.object}"
    for entry in report.accounted:
        who = f", started by {entry.who}" if entry.who else ""
        yield f"accounted for: {entry.by}{who}: {entry.calls} calls ({entry.source}, {entry.first} to {entry.last})"
    yield from (f"missing: {reason}" for reason in report.missing)
    yield from (f"left out: {reason}" for reason in report.left_out)
    accounted = sum(entry.calls for entry in report.accounted)
    counts = f"{len(report.unapproved)} calls that nobody approved, {accounted} accounted for"
    yield f"{report.environment}: {counts} ({report.seconds} s)"


def account_markdown(report: AccountReport) -> str:
    """The report for an auditor."""
    verdict = {0: "Every call is accounted for.", 1: "A source is missing: this account is not whole."}.get(
        report.exit_code, "There are calls that nobody approved."
    )
    lines = [
        f"# Account of changes: {_cell(report.environment)}",
        "",
        f"From {report.since} to {report.until}. **{verdict}**",
        "",
        f"## Not approved ({len(report.unapproved)})",
        "",
        *_table(
            ("time", "actor", "address", "call", "object"),
            ((c.time, c.actor, c.address, c.call, c.object) for c in report.unapproved),
        ),
        "",
        "## Accounted for",
        "",
        *_table(
            ("by", "started by", "source", "calls", "first", "last"),
            ((e.by, e.who, e.source, str(e.calls), e.first, e.last) for e in report.accounted),
        ),
        "",
        "## Limits of this account",
        "",
        *(f"- {_cell(reason)}" for reason in (*report.missing, *report.left_out)),
        "",
    ]
    return "\n".join(lines)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    body = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return [f"| {' | '.join(header)} |", "|" + "---|" * len(header), *body] if body else ["None."]


def _cell(text: str) -> str:
    escaped = escape_lines(text).replace("\n", " ")
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|" else letter for letter in escaped)
