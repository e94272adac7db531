"""What a drift run found, kept in the ledger; people are told once of each new set of findings, and of its end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from eks_assets.engine.drift.detection import UNDECLARED
from eks_assets.plan.drift import DriftReport
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import AccessDenied, NotFound, PipelineError
from resources.notifications import drift_messages
from resources.notifications.messages import Notification
from resources.notifications.topic import send_notification
from resources.records.applied_units import applied_at
from resources.records.clock import server_time
from resources.records.drift_runs import DriftRun, FoundDrift, last_drift_run, record_drift_run

_INSTANT = dt.timedelta(milliseconds=1)
_SECOND = dt.timedelta(seconds=1)  # layers tell whole ones
_FIRST = "first"  # in place of the record after which the findings changed


@dataclass(frozen=True)
class Kept:
    """What became of a report. `is_told`: whether people were told of it now; `faults`: what did not work, a line
    each."""

    is_told: bool = False
    faults: tuple[str, ...] = ()


def keep_report(context: Context, report: DriftReport) -> Kept:
    """Tell people where the findings are others than those of the last run, and write them into the ledger. `context`:
    as the deployer, since the planner only reads. Raises nothing that AWS may have caused: the next run tries again."""
    faults: list[str] = []
    is_told = False
    try:
        before = last_drift_run(context)
        applied = applied_times(before, report, context)
        run = follow_run(before, report, server_time(context), context.run_id or "", applied)
        # People first: a run that dies in between is followed by one with the same event, which is sent once.
        if not run.is_told:
            is_told = send_notification(replace(context, progress=faults.append), drift_notification(context.env, run))
            run = run.model_copy(update={"is_told": is_told or not faults})
        record_drift_run(context, run)
    except PipelineError as error:
        command = f"eks-assets bootstrap {context.env.name} --apply"
        way_out = f"; what is missing comes with: {command}" if isinstance(error, AccessDenied | NotFound) else ""
        faults.append(f"not kept in the ledger: {error.message}{way_out}")
    return Kept(is_told, tuple(faults))


def follow_run(
    before: tuple[str, DriftRun] | None,
    report: DriftReport,
    at: dt.datetime,
    run_id: str,
    applied: Mapping[str, dt.datetime] | None = None,
) -> DriftRun:
    """The record of the report, by the one `before` it (with its name in the ledger). Findings of that one that could
    not be checked now stay open: nobody is told that they are gone. `applied`: when units were applied last; what
    was changed after that differs anew. Pure."""
    settled = {entry.id for entry in (*report.findings, *report.ignored)}
    unsettled = [f for f in (before[1].open if before else ()) if f.id not in settled and _is_unchecked(f, report)]
    # AWS tells whole seconds, and the newest record counts.
    at = max(at, before[1].at + _INSTANT) if before else at
    first = {f.id: f.found_at or before[1].at for f in before[1].open} if before else {}
    found = [FoundDrift.model_validate(entry.model_dump()) for entry in report.findings]
    times = [_found_at(f, first.get(f.id, at), at, (applied or {}).get(f.unit or "")) for f in found]
    run = DriftRun(
        environment=report.environment,
        at=at,
        run=run_id,
        findings=tuple(f.model_copy(update={"found_at": time}) for f, time in zip(found, times, strict=True)),
        unsettled=tuple(unsettled),
        unknown=len(report.unknown),
        ignored=len(report.ignored),
        ignored_in=tuple(sorted({entry.unit for entry in report.ignored if entry.unit})),
        seconds=report.seconds,
    )
    if before is None:
        return run.model_copy(update={"event": _FIRST, "is_told": not run.open})
    name, last = before
    if {f.id for f in run.open} == {f.id for f in last.open}:
        return run.model_copy(update={"event": last.event, "is_told": last.is_told})
    return run.model_copy(update={"event": name})


def drift_notification(env: Environment, run: DriftRun) -> Notification:
    """What people are told of the run: what differs, or that nothing does any more."""
    if run.open:
        return drift_messages.drift_found(env, [f.model_dump() for f in run.open], unknown=run.unknown, since=run.event)
    return drift_messages.drift_resolved(env, ignored=run.ignored, unknown=run.unknown, since=run.event)


def _found_at(finding: FoundDrift, first: dt.datetime, at: dt.datetime, applied: dt.datetime | None) -> dt.datetime:
    """When a run found it first, by the run of `at` and the one that found it `first`. Once its unit was applied since,
    it is another finding, but for one that was changed before that: the deploy did not put it back."""
    if applied is None or applied <= first:
        return first
    changed = finding.since_time
    return first if changed is not None and changed + _SECOND <= applied else at


def applied_times(before: tuple[str, DriftRun] | None, report: DriftReport, context: Context) -> dict[str, dt.datetime]:
    """When the units of findings that stand since the run `before` were applied last, as far as the ledger says. Raises
    Transient."""
    stood = {f.id for f in before[1].open} if before else set()
    units = {f.unit for f in report.findings if f.unit is not None and f.id in stood}
    times = {unit: applied_at(context, unit) for unit in sorted(units)}
    return {unit: dt.datetime.fromisoformat(time) for unit, time in times.items() if time}


def _is_unchecked(finding: FoundDrift, report: DriftReport) -> bool:
    """Whether nothing could be compared where it was found: its object, its unit, or a place outside of all units."""
    places = {finding.object, finding.unit, *UNDECLARED}
    return any(entry.unit == finding.unit and entry.object in places for entry in report.unknown)
