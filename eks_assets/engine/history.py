"""The history of an environment, from its ledger: who asked, decided and changed what, what failed and what drifted."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import ValidationError

from eks_assets.plan.history import Event, EventKind, HistoryReport
from resources.approval.decisions import list_decisions
from resources.approval.electorate import Approvers
from resources.approval.rules import OPEN_LIVES, ApprovalRequest, Decision
from resources.approval.store import list_requests, load_plan, load_rejection
from resources.bootstrap.gate import read_anchor
from resources.context import Context, ignore_progress
from resources.drivers.git.drift import commits_by_others
from resources.model.errors import NotFound, PipelineError
from resources.model.specs import AnyGitTree
from resources.records import drift_runs
from resources.records.audit import READERS, reading_ledger
from resources.records.chain import ENTRIES
from resources.records.change_entry import ChangeEntry
from resources.records.drift_runs import DriftRun
from resources.records.ledger import list_keys, read_key
from resources.records.rollbacks import describe_target, list_rollbacks

_SHOWN = 3  # findings of a drift run that are named


def list_history(
    context: Context, since: dt.datetime, unit: str | None = None, trees: Mapping[str, AnyGitTree] | None = None
) -> HistoryReport:
    """What happened since then; of one `unit`: what was asked, decided and done about it. Keys tell times, so what is
    older is neither listed nor read. `trees`: the branches of the application repository, by unit, to which people may
    have committed.

    Raises NotFound where the environment has not been bootstrapped, AccessDenied with what to do, Transient."""
    ignored: list[str] = []
    reading = replace(context, progress=ignored.append)
    with reading_ledger(context), ThreadPoolExecutor(READERS) as pool:
        events = [
            *_changes(reading, since, pool),
            *_approval(reading, since, unit, pool),
            *_drift(reading, since, unit, pool),
            *_rollbacks(reading, since),
            *_commits(reading, since, trees or {}),
        ]
    chosen = [e for e in events if e.at >= since and (unit is None or e.unit in (unit, None))]
    return HistoryReport(
        environment=context.env.name,
        since=since,
        events=tuple(sorted(chosen, key=lambda event: (event.at, event.sequence or 0))),
        ignored=tuple(ignored),
    )


def list_changes(context: Context, since: dt.datetime, limit: int) -> tuple[Event, ...]:
    """The changes that units had since then, the newest `limit` of them, the newest last. Raises as `list_history`."""
    reading = replace(context, progress=ignore_progress)
    with reading_ledger(context), ThreadPoolExecutor(READERS) as pool:
        return tuple(_changes(reading, since, pool, limit))


def _read_since(
    context: Context, prefix: str, since: dt.datetime, pool: ThreadPoolExecutor, limit: int = 0
) -> Iterator[Any]:
    """Key and body of each object, or of the newest `limit`, in order."""
    keys = list_keys(context, prefix, f"{prefix}{since.astimezone(dt.UTC).isoformat(timespec='milliseconds')}")
    keys = keys[-limit:]
    yield from zip(keys, pool.map(partial(read_key, context), keys), strict=True)


def _changes(context: Context, since: dt.datetime, pool: ThreadPoolExecutor, limit: int = 0) -> Iterator[Event]:
    for key, body in _read_since(context, ENTRIES, since, pool, limit):
        try:
            entry = ChangeEntry.model_validate_json(body)
        except ValidationError:
            context.progress(f"{key!a} is no entry of a change")
            continue
        is_done = entry.outcome == "done"
        yield Event(
            at=entry.at,
            kind="failed" if not is_done else "repaired" if entry.repair else "changed",
            unit=entry.unit,
            who=entry.who,
            detail=f"{'repair, ' if entry.repair else ''}{entry.action}: {entry.reason if is_done else entry.outcome}",
            run=entry.by,
            digest=entry.plan,
            seconds=entry.seconds,
            sequence=entry.sequence,
            key=key,
        )


def _approval(context: Context, since: dt.datetime, unit: str | None, pool: ThreadPoolExecutor) -> list[Event]:
    # What was asked for earlier can have been decided on since.
    begin = since - dt.timedelta(seconds=OPEN_LIVES * context.env.expires_seconds)
    hours = (dt.datetime.now(dt.UTC) - begin).total_seconds() / 3600
    requests = list_requests(context, hours)
    if unit is not None:
        requests = [
            r
            for r, names in zip(requests, pool.map(partial(_units_of, context), requests), strict=True)
            if unit in names
        ]
    judge = _judge(context)
    return [event for events in pool.map(partial(_request_events, context, judge), requests) for event in events]


def _units_of(context: Context, request: ApprovalRequest) -> set[str]:
    """The units that the request's plan changes; none where it cannot be read."""
    try:
        return {change["unit"] for change in json.loads(load_plan(context, request.digest))["changes"]}
    except (PipelineError, ValueError, KeyError, TypeError):
        return set()


def _judge(context: Context) -> Callable[[ApprovalRequest, Decision], str]:
    """Why a decision does not count; empty where it does, or where the environment has no gate any more."""
    approval = context.env.approval
    approvers = Approvers(context, approval, read_anchor(context)) if approval else None

    def judge(request: ApprovalRequest, decision: Decision) -> str:
        if decision.request != request.id or decision.digest != request.digest:
            return "it is about something else"
        voter = approvers.voter(decision.writer, decision.at) if approvers else ""
        return voter if isinstance(voter, str) else ""

    return judge


def _request_events(
    context: Context, judge: Callable[[ApprovalRequest, Decision], str], request: ApprovalRequest
) -> list[Event]:
    about = {"digest": request.digest, "key": f"request {request.id}"}
    asked = f"plan {request.digest[:19]}{f', through {request.through}' if request.through else ''}"
    events = [Event(at=request.at, kind="planned", who=request.initiator, detail=asked, run=request.run, **about)]
    for decision in list_decisions(context, request):
        if decision.verdict not in ("approve", "reject"):
            continue
        fault = judge(request, decision)
        detail = f"plan {request.digest[:19]}: {decision.reason}" + (f" (does not count: {fault})" if fault else "")
        kind: EventKind = "approved" if decision.verdict == "approve" else "rejected"
        events.append(Event(at=decision.at, kind=kind, who=decision.writer, detail=detail, **about))
    kept = load_rejection(context, request)
    ending: EventKind = "closed" if kept and kept.get("status") == "closed" else "rejected"
    if kept and not any(event.kind == ending for event in events):
        at, detail = ApprovalRequest.time(kept["at"]), f"plan {request.digest[:19]}: {kept['reason']}"
        events.append(Event(at=at, kind=ending, who=kept["by"], detail=detail, **about))
    return events


def _drift(context: Context, since: dt.datetime, unit: str | None, pool: ThreadPoolExecutor) -> Iterator[Event]:
    """The first drift run of each set of findings, and the first one without any after them."""
    before: DriftRun | None = None
    for key, body in _read_since(context, drift_runs.PREFIX, since, pool):
        try:
            run = DriftRun.model_validate_json(body)
        except ValidationError:
            context.progress(f"{key!a} is no record of a drift run")
            continue
        found, earlier = _findings(run, unit), _findings(before, unit)
        if found and found != earlier:
            culprits = dict.fromkeys(f.culprit for f in run.open if f.culprit and (unit in (None, f.unit)))
            yield Event(
                at=run.at, kind="drifted", unit=unit, who=", ".join(culprits), detail=_list(found), run=run.run, key=key
            )
        elif earlier and not found:
            yield Event(at=run.at, kind="in_sync", unit=unit, detail="nothing differs any more", run=run.run, key=key)
        before = run


def _rollbacks(context: Context, since: dt.datetime) -> Iterator[Event]:
    for key, rollback in list_rollbacks(context, since):
        units = [hold.unit for hold in rollback.holds if hold.run == rollback.run]
        held = f"to {describe_target(rollback.run)}, held back since: {', '.join(units)}"
        detail = held if rollback.run else "the files count"
        kind: EventKind = "rolled_back" if rollback.run else "hold_ended"
        unit = units[0] if len(units) == 1 else None
        yield Event(at=rollback.at, kind=kind, unit=unit, who=rollback.who, detail=detail, run=rollback.run, key=key)


def _commits(context: Context, since: dt.datetime, trees: Mapping[str, AnyGitTree]) -> Iterator[Event]:
    """What others than the pipeline pushed. Their time is what the commit says, where that can be."""
    for unit, tree in trees.items():
        try:
            commits = commits_by_others(tree, context, since)
        except NotFound:
            continue  # nothing was pushed yet, and what is gone is for `drift` to find
        except PipelineError as error:
            context.progress(f"who committed to {tree.branch} is not known: {error.message}")
            continue
        for commit in commits:
            detail = f"{commit.id[:12]} on {tree.branch}"
            yield Event(at=_time(commit.time, since), kind="committed", unit=unit, who=commit.author, detail=detail)


def _time(text: str, since: dt.datetime) -> dt.datetime:
    """The time that a commit says, within what is asked for: its author could write any."""
    now = dt.datetime.now(dt.UTC)
    try:
        at = dt.datetime.fromisoformat(text)
        return min(max(at.astimezone(dt.UTC), since), now)
    except (ValueError, OverflowError):
        return now


def _findings(run: DriftRun | None, unit: str | None) -> list[str]:
    """What differs, in the words of `drift`, sorted."""
    if run is None:
        return []
    return sorted(str(finding) for finding in run.open if unit in (None, finding.unit))


def _list(findings: Iterable[str]) -> str:
    named = list(findings)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return "; ".join(named[:_SHOWN]) + more
