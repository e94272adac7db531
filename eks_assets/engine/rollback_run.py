"""Carries a rollback out in this process: recorded under the lease, then the loop of every deploy, unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eks_assets.engine.planner import plan_environment
from eks_assets.engine.rollback import RollbackPlan, build_rollback, order_rollback
from eks_assets.engine.runner import Result, run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from resources.context import Context
from resources.model.errors import OperationFailed, PipelineError
from resources.notifications.rollback_messages import rollback_ended, rollback_started
from resources.notifications.topic import send_notification
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER, hold_lease
from resources.records.rollbacks import Rollback, record_rollback
from resources.records.upgrades import open_upgrade, record_event


@dataclass(frozen=True)
class UnitEnd:
    """How one unit ended: with a result, with an error, or, with neither, not at all since one before it failed."""

    unit: AnyUnit
    result: Result | None = None
    error: PipelineError | None = None

    @property
    def is_good(self) -> bool:
        return self.result is not None and all(check.passed for _, check in self.result.checks)

    @property
    def reason(self) -> str:
        """Why it is not good."""
        if self.error is not None:
            return self.error.message
        if self.result is None:
            return "not run: it waits for another unit"
        return "; ".join(f"{check.name}: {result.detail}" for check, result in self.result.checks if not result.passed)


def begin_rollback(context: Context, record: Rollback, units: list[str]) -> None:
    """Record it and tell people; the environment is held. Raises LeaseHeld, NotFound, AccessDenied, Transient."""
    record_rollback(context, record)
    if (upgrade := open_upgrade(context)) is not None:
        # What its steps have done does not stand any more: another upgrade begins from the start.
        record_event(context, upgrade, "rolled back", who=record.who)
    send_notification(context, rollback_started(context.env, record.id, record.run, record.who, units))


def end_rollback(
    context: Context, record: Rollback, outcome: str, failed: dict[str, str], back: Sequence[str] = ()
) -> None:
    """Tell people how it ended, and where it stopped what went `back` before."""
    send_notification(context, rollback_ended(context.env, record.id, record.run, outcome, failed, back))


def run_rollback(
    registry: Registry, context: Context, plan: RollbackPlan, who: str, *, undo: bool = False
) -> Iterator[UnitEnd]:
    """Roll back what the plan holds, each unit before those that it needs, then what reads from it. What fails stops
    what depends on it or what it needs, and nothing else. `undo`: the units of the plan alone, until one fails: as a
    deploy that has just failed is taken back.

    Raises LeaseHeld where another run holds the environment, OperationFailed where something cannot be planned,
    NotFound, AccessDenied, Transient."""
    back = [hold.unit for hold in plan.holds]
    record = build_rollback(context, plan, who)
    with hold_lease(context, who=f"{who}, rollback", wait=OUTLIVES_A_DEAD_HOLDER):
        begin_rollback(context, record, back)
        planned = plan_environment(registry, context, only=back if undo else registry.descendants(back))
        if planned.errors:
            raise OperationFailed("\n".join(f"{u.unit}: {u.error.message}" for u in planned.errors if u.error))
        ends: dict[str, UnitEnd] = {}
        names = [name for name in planned.to_run(registry) if not undo or name in back]
        for name in (name for layer in order_rollback(registry, back, names) for name in layer):
            before = ends if undo else {*registry.needs[name], *registry.descendants([name])} - {name}
            stopped = any(other in ends and not ends[other].is_good for other in before)
            ends[name] = UnitEnd(registry[name]) if stopped else _run(registry, registry[name], context)
            yield ends[name]
        failed = {name: end.reason for name, end in ends.items() if not end.is_good}
        gone = [name for name, end in ends.items() if end.is_good]
        end_rollback(context, record, "failed" if failed else "done", failed, gone)


def _run(registry: Registry, unit: AnyUnit, context: Context) -> UnitEnd:
    context.cache.clear()
    try:
        return UnitEnd(unit, run_unit(registry, unit, context))
    except PipelineError as error:
        return UnitEnd(unit, error=error)
