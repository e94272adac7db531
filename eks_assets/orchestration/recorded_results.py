"""The results of units that a run planned before its first step and found unchanged and healthy: their steps record
these results and do not observe the units again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from eks_assets.engine.runner import Result
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.unit_plan import UnitPlan
from resources.model.change import Observed
from resources.probes.result import CheckResult

# By the run's id. Steps of one run in one process; Dagster hands a step nothing but its context.
_recordings: dict[str, Mapping[str, UnitPlan]] = {}


@contextmanager
def use_recorded_results(run_id: str, plans: Mapping[str, UnitPlan]) -> Iterator[None]:
    """While it is open, the steps of that run in this process take the results of these units from their plans.

    Takes the plans by the unit's name."""
    _recordings[run_id] = plans
    try:
        yield
    finally:
        del _recordings[run_id]


def recorded_result(run_id: str, unit: AnyUnit) -> Result | None:
    """The result of a unit that the run's plan found unchanged; None for one that the run has to execute."""
    plan = _recordings.get(run_id, {}).get(unit.name)
    if plan is None or plan.spec is None:
        return None
    check_results = [CheckResult(check.passed, check.detail, check.since) for check in plan.checks]
    checks = tuple(zip(unit.checks, check_results, strict=True))
    return Result(plan.change, plan.spec, Observed("", outputs=plan.outputs), checks, plan.seconds)
