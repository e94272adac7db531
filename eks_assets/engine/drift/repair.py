"""Repairs: which findings of a drift run are repaired without anybody asking (`drift.auto_repair`), and what a run that
does so checks before it changes a unit (docs/adr/0020-repairs-are-deploys.md)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from eks_assets.engine.drift.detection import detect_drift
from eks_assets.engine.drift.record import applied_times, follow_run
from eks_assets.engine.kept_specs import is_kept_spec
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from resources.config.environment import Environment
from resources.config.settings.drift import Drift as Settings
from resources.context import Context
from resources.model.digests import hex_digest_of
from resources.model.errors import Refused
from resources.model.specs import GitTree, Spec
from resources.records.applied_units import applied_spec
from resources.records.clock import server_time
from resources.records.drift_runs import DriftRun, FoundDrift, read_drift_run

_SHOWN = 3  # findings that are named
_MOST_FINDINGS = 20  # of an entry of the ledger


@dataclass(frozen=True)
class UnitRepair:
    """What becomes of the findings of one unit. `reason`: why it is not repaired; empty where it is."""

    unit: str
    findings: tuple[FoundDrift, ...]
    reason: str = ""

    @property
    def set_id(self) -> str:
        """Names these findings: another once one of them comes, goes, or comes back."""
        found = sorted([f.id, f.found_at.isoformat() if f.found_at else ""] for f in self.findings)
        return hex_digest_of([self.unit, found])[:10]


def choose_repairs(
    registry: Registry, env: Environment, run: DriftRun, now: dt.datetime, granted: Collection[str] = ()
) -> tuple[UnitRepair, ...]:
    """What becomes of the run's findings, a unit each, in the order of the graph; what no unit declares is left out.
    `granted`: the units behind the gate that an approval may cover. A unit is repaired as a whole or not at all, since
    that is how it is applied. Pure."""
    by_unit: dict[str, list[FoundDrift]] = {}
    for finding in run.open:
        if finding.unit is not None:
            by_unit.setdefault(finding.unit, []).append(finding)
    order = [unit.name for unit in registry.units if unit.name in by_unit]
    gone = sorted(by_unit.keys() - set(order))
    return (
        *(
            UnitRepair(name, tuple(by_unit[name]), _reason(registry[name], by_unit[name], env, run, now, granted))
            for name in order
        ),
        *(UnitRepair(name, tuple(by_unit[name]), "there is no such unit any more") for name in gone),
    )


def _reason(
    unit: AnyUnit,
    findings: Sequence[FoundDrift],
    env: Environment,
    run: DriftRun,
    now: dt.datetime,
    granted: Collection[str],
) -> str:
    """Why the unit is not repaired; empty where it is."""
    settings = env.drift or Settings()
    by_hand = [finding.place for finding in findings if finding.by_hand]
    newest = max(finding.changed_at(run.at) for finding in findings)
    settled = newest + dt.timedelta(seconds=settings.settle_seconds)
    reasons = {
        "auto_repair is off": not settings.auto_repair,
        "it is switched off": not unit.is_enabled(env),
        f"it is {unit.reversibility}, and only what is reversible is repaired": unit.reversibility != "reversible",
        "what people pushed is theirs to take back": issubclass(unit.spec_type, GitTree),
        "a repair would also put back what drift.ignore sets aside in it": unit.name in run.ignored_in,
        "not all of it could be compared": any(finding in run.unsettled for finding in findings),
        f"only a person can put back {_name_some(by_hand)}": bool(by_hand),
        f"it changed less than {settings.settle} ago, and settles at {settled:%Y-%m-%d %H:%M:%S} UTC": settled > now,
        f"it waits for approval: eks-assets deploy {env.name} asks for it": (
            unit.is_gated(env) and unit.name not in granted
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def check_repair(registry: Registry, unit: AnyUnit, spec: Spec[Any], context: Context) -> dict[str, Any]:
    """What the ledger says of the repair, for a run that repairs what the drift run `context.repairs` found and is
    about to apply the unit. The unit is compared once more, so that what somebody changed since is left alone.

    Raises Refused for whatever is no repair: a unit of which nothing drifted, findings that are not to be repaired, and
    a spec that is another than was applied last, as that would be a deploy. NotFound for a run that the ledger does not
    have, AccessDenied, Transient."""
    key = context.repairs or ""
    before = read_drift_run(context, key)
    now = server_time(context)
    report = detect_drift(registry, context, [unit.name])
    applied = applied_times((key, before), report, context)
    run = follow_run((key, before), report, now, context.run_id or "", applied)
    repairs = choose_repairs(registry, context.env, run, now, [unit.name])
    repair = next((each for each in repairs if each.unit == unit.name), None)
    reason = "nothing of it has drifted" if repair is None else repair.reason
    if repair is None or reason:
        raise _refused(unit, reason, context)
    digest = applied_spec(context, unit.name)
    if digest is None:
        raise _refused(unit, "the ledger does not say what was applied last", context)
    if not is_kept_spec(context, digest, spec):
        reason = "the environment's files, or the program, want another spec than was applied last"
        raise _refused(unit, reason, context)
    return _account(key, repair.findings)


def describe_repairs(repairs: Sequence[UnitRepair]) -> str:
    """The first of their findings in words, and how many more there are."""
    return _name_some([str(finding) for repair in repairs for finding in repair.findings])


def _refused(unit: AnyUnit, reason: str, context: Context) -> Refused:
    name = context.env.name
    return Refused(
        f"{unit.name} in {name} is not repaired: {reason}",
        next_step=f"eks-assets drift {name} shows what differs; eks-assets deploy {name} puts back what it can",
    )


def _account(key: str, findings: Sequence[FoundDrift]) -> dict[str, Any]:
    left_out = len(findings) - _MOST_FINDINGS
    more = {"findings_left_out": left_out} if left_out > 0 else {}
    return {"drift": key, "findings": [f.id for f in findings[:_MOST_FINDINGS]], **more}


def _name_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more
