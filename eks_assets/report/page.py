"""Fills the page of one environment from what was read of it. What to look at comes first, the worst of it on top."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eks_assets.engine.approval_request import decision_commands, describe_initiator, describe_state
from eks_assets.graph.registry import Registry
from eks_assets.plan.drift_wording import age_words
from eks_assets.plan.history import HistoryReport
from eks_assets.plan.model import Entry, PlanReport
from eks_assets.plan.unit_plan import EnvironmentPlan, UnitPlan
from eks_assets.plan.wording import change_reason, field_rows, unwanted_line
from eks_assets.report.attention import list_attention
from eks_assets.report.cost import estimate_cost
from eks_assets.report.gantt import list_runs
from eks_assets.report.model import (
    ApprovalRow,
    ChangeRow,
    CheckRow,
    Drift,
    DriftRow,
    EndpointRow,
    EnvironmentPage,
    EventRow,
    Level,
    UnitRow,
    VersionRow,
    WaveRows,
    count_states,
)
from eks_assets.report.sources import EnvironmentSources, Read, T, describe_environment
from resources.approval.rules import RequestState
from resources.config.environment import Environment
from resources.config.waves import WAVES
from resources.model.errors import PipelineError
from resources.model.outputs import plain_document
from resources.model.specs import HelmRelease
from resources.records.drift_runs import DriftRun

_RUNS = 5
_FIELDS = 6  # of a change
_EVENTS = 60
UNIT_LEVEL: Mapping[str, Level] = {"failed": "failed", "unknown": "failed", "pending": "warning", "waiting": "waiting"}
_EVENT_LEVEL: Mapping[str, Level] = {
    "failed": "failed",
    "rejected": "failed",
    "closed": "failed",
    "drifted": "warning",
    "planned": "waiting",
    "rolled_back": "warning",
}
_REQUEST_LEVEL: Mapping[str, Level] = {"waiting": "waiting", "rejected": "failed", "closed": "failed"}


def build_page(registry: Registry, env: Environment, sources: EnvironmentSources, at: dt.datetime) -> EnvironmentPage:
    """The page of an environment that could be read. `at`: when it was looked at."""
    records, unread = sources.records, dict[str, str]()
    plan = _value(sources.plan, "changes", unread)
    changes = _value(records.changes, "runs", unread) or ()
    history = _value(sources.history, "history", unread)
    drift = _value(records.drift, "drift", unread)
    states = _value(records.approvals, "approvals", unread) or ()
    offers = _value(sources.offers, "versions", unread) or ()
    runs = list_runs(changes, registry.needs_in_order, _RUNS)
    page = EnvironmentPage(
        **describe_environment(env),
        at=at,
        unread=unread,
        waves=_waves(sources.status),
        counts=count_states(unit.state for unit in sources.status.units),
        changes=_changes(plan, sources.status),
        drift=describe_drift(drift, at) if drift else None,
        gate=_gate(env),
        approvals=tuple(_approval(env, state) for state in reversed(states)),
        runs=runs,
        versions=(*_cluster_versions(env, plan), *_unit_versions(sources.status.units)),
        offers=tuple(line.message for line in offers),
        endpoints=tuple(_endpoints(sources.status.units)),
        cost=estimate_cost(sources.status.units),
        since=history.since if history else None,
        events=_events(history),
    )
    unwanted = unwanted_line(env.name, sources.unwanted)
    return page.model_copy(update={"attention": list_attention(page, sources.status.units, offers, unwanted)})


def build_unreadable_page(env: Environment, error: PipelineError, at: dt.datetime) -> EnvironmentPage:
    """The page of an environment of which nothing could be read: it says why."""
    return EnvironmentPage(**describe_environment(env), at=at, unreadable=str(error))


def _value(read: Read[T], section: str, unread: dict[str, str]) -> T | None:
    if isinstance(read, PipelineError):
        unread[section] = str(read)
        return None
    return read


def _waves(status: EnvironmentPlan) -> tuple[WaveRows, ...]:
    rows = ((wave, tuple(_unit(u) for u in status.units if u.wave == wave)) for wave in WAVES)
    return tuple(WaveRows(wave=wave, units=units) for wave, units in rows if units)


def _unit(unit: UnitPlan) -> UnitRow:
    checks = (
        CheckRow(name=c.name, passed=c.passed, expected=c.expected, detail=c.detail, since=c.since) for c in unit.checks
    )
    level = UNIT_LEVEL.get(unit.state, "ok")
    return UnitRow(unit=unit.unit, state=unit.state, level=level, detail=unit.detail, checks=tuple(checks))


def _changes(plan: PlanReport | None, status: EnvironmentPlan) -> tuple[ChangeRow, ...]:
    return tuple(_change(entry, status[entry.unit]) for entry in plan.changes) if plan else ()


def _change(entry: Entry, unit: UnitPlan) -> ChangeRow:
    rows = field_rows(entry, full=False)
    shown = (f"{row.mark} {row.path}: {row.before or 'absent'} -> {row.after or 'absent'}" for row in rows[:_FIELDS])
    return ChangeRow(
        unit=entry.unit,
        action=entry.action,
        reason=change_reason(entry),
        is_gated=unit.state == "waiting",
        fields=tuple(shown),
        more=max(0, len(rows) - _FIELDS),
    )


def describe_drift(run: DriftRun, at: dt.datetime) -> Drift:
    """What a drift run found, and how long that is ago."""
    rows = (
        DriftRow(unit=f.unit or "", kind=f.kind, place=f.place, culprit=f.culprit or "", since=f.since or "")
        for f in run.open
    )
    age = age_words(max(0.0, (at - run.at).total_seconds()))
    return Drift(at=run.at, age=age, findings=tuple(rows), unknown=run.unknown, ignored=run.ignored)


def _gate(env: Environment) -> str:
    gate = env.approval
    return f"{gate.approvers} approvals before {gate.before}, good for {gate.expires}" if gate else ""


def _approval(env: Environment, state: RequestState) -> ApprovalRow:
    assert env.approval is not None
    request = state.request
    return ApprovalRow(
        status=state.status,
        level=_REQUEST_LEVEL.get(state.status, "ok"),
        line=describe_state(state, env.approval.approvers),
        asked=f"asked {request.at:%Y-%m-%d %H:%M} UTC by {describe_initiator(state)}",
        commands=tuple(decision_commands(env, request)) if state.status == "waiting" else (),
    )


def _cluster_versions(env: Environment, plan: PlanReport | None) -> Iterator[VersionRow]:
    wanted, actual = env.kubernetes_version, plan.cluster_version if plan else None
    if actual in (None, wanted):
        yield VersionRow(what="Kubernetes", version=wanted, note="" if actual else "wanted; no cluster could be read")
    else:
        yield VersionRow(what="Kubernetes", version=actual or "", level="warning", note=f"the file asks for {wanted}")
    for addon in sorted(env.cluster.addons, key=lambda addon: addon.name):
        yield VersionRow(what=f"EKS add-on {addon.name}", version=addon.version or "EKS's default")


def _unit_versions(units: Iterable[UnitPlan]) -> Iterator[VersionRow]:
    for unit in units:
        if isinstance(unit.spec, HelmRelease):
            is_there = unit.state == "in_sync"
            note = "" if is_there else f"wanted; {unit.unit} is {unit.state}"
            level: Level = "ok" if is_there else "warning"
            yield VersionRow(what=f"chart {unit.spec.chart}", version=unit.spec.version, level=level, note=note)


def _endpoints(units: Iterable[UnitPlan]) -> Iterator[EndpointRow]:
    """What units make known as an address, and the hosts of ingresses in the values of releases."""
    for unit in units:
        if unit.outputs is not None:
            outputs = plain_document(unit.outputs.model_dump())
            for name, value in outputs.items():
                for address in [value] if isinstance(value, str) else value:
                    if address.startswith("https://") or name == "name_servers":
                        yield EndpointRow(unit=unit.unit, what=name.replace("_", " "), address=address)
        if isinstance(unit.spec, HelmRelease) and unit.state != "disabled":
            for host in sorted(set(_ingress_hosts(plain_document(unit.spec.values)))):
                yield EndpointRow(unit=unit.unit, what="ingress", address=f"https://{host}")


def _ingress_hosts(values: Any) -> Iterator[str]:
    """The hosts below a key `ingress`, as charts have it, where it is not off."""
    if not isinstance(values, Mapping):
        return
    for key, value in values.items():
        if key == "ingress" and isinstance(value, Mapping) and value.get("enabled", True):
            hosts: Sequence[Any] = [value.get("hostname"), value.get("host"), *(value.get("hosts") or ())]
            names = (host.get("host") if isinstance(host, Mapping) else host for host in hosts)
            yield from (name for name in names if isinstance(name, str) and name)
        else:
            yield from _ingress_hosts(value)


def _events(history: HistoryReport | None) -> tuple[EventRow, ...]:
    """The newest first; of an ARN what tells one from another."""
    if history is None:
        return ()
    return tuple(
        EventRow(
            at=event.at,
            what=event.kind.replace("_", " "),
            level=_EVENT_LEVEL.get(event.kind, "ok"),
            unit=event.unit or "",
            who=event.who.rpartition(":")[2] if event.who.startswith("arn:") else event.who,
            detail=event.detail,
        )
        for event in history.events[: -_EVENTS - 1 : -1]
    )
