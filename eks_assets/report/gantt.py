"""The timeline of the last runs, from the history's changes: who was changed when, and which changes decided how long a
run took. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from eks_assets.plan.history import Event
from eks_assets.report.model import Bar, Run

_CHANGES = ("changed", "repaired", "failed")


def list_runs(events: Iterable[Event], needs: Mapping[str, Sequence[str]], limit: int) -> tuple[Run, ...]:
    """The newest runs that changed something, the newest first, at most `limit`. `needs`: what each unit depends on, in
    dependency order; what belongs to no unit of it, such as a bootstrap, is left out."""
    by_run: dict[str, list[Event]] = {}
    for event in events:
        if event.kind in _CHANGES and event.run and event.unit in needs:
            by_run.setdefault(event.run, []).append(event)
    newest = sorted(by_run.items(), key=lambda run: max(event.at for event in run[1]), reverse=True)
    return tuple(_run(name, changes, needs) for name, changes in newest[:limit])


def critical_path(seconds: Mapping[str, float], needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The units whose changes, one after the other, take longest, of all ways through the graph. `seconds`: of each
    unit that was changed; what was not changed costs nothing and still connects. `needs` in dependency order."""
    end: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for unit, needed in needs.items():
        before[unit] = max((need for need in needed if need in end), key=lambda need: end[need], default=None)
        previous = before[unit]
        end[unit] = seconds.get(unit, 0.0) + (end[previous] if previous else 0.0)
    last = max(end, key=lambda unit: end[unit], default=None)
    path: list[str] = []
    while last is not None:
        path += [last] if last in seconds else []
        last = before[last]
    return tuple(reversed(path))


def _run(name: str, changes: Sequence[Event], needs: Mapping[str, Sequence[str]]) -> Run:
    spent: dict[str, float] = {}
    for event in changes:
        unit = event.unit or ""
        spent[unit] = spent.get(unit, 0.0) + (event.seconds or 0.0)
    critical = critical_path(spent, needs)
    began, ended = min(map(_begin, changes)), max(event.at for event in changes)
    bars = (
        Bar(
            unit=event.unit or "",
            begin=(_begin(event) - began).total_seconds(),
            seconds=event.seconds or 0.0,
            is_done=event.kind != "failed",
            is_critical=event.unit in critical,
        )
        for event in changes
    )
    in_order = tuple(sorted(bars, key=lambda bar: (bar.begin, bar.unit)))
    return Run(run=name, at=began, seconds=(ended - began).total_seconds(), bars=in_order, critical=critical)


def _begin(event: Event) -> dt.datetime:
    """The ledger has a change's end, and how long it took."""
    return event.at - dt.timedelta(seconds=event.seconds or 0.0)
