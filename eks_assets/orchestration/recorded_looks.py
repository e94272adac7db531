"""What a run found in order before its first step: its units are recorded from that one look, not looked at again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from eks_assets.engine.runner import Result
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.unit_plan import UnitPlan
from resources.model.change import Observed
from resources.probes.result import CheckResult

# Steps of one run in one process; Dagster hands a step nothing but its context.
_looks: dict[str, Mapping[str, UnitPlan]] = {}


@contextmanager
def looked_at(run_id: str, plans: Mapping[str, UnitPlan]) -> Iterator[None]:
    """While it lasts, the steps of that run in this process take these units as they were seen."""
    _looks[run_id] = plans
    try:
        yield
    finally:
        del _looks[run_id]


def as_seen(run_id: str, unit: AnyUnit) -> Result | None:
    """The result of a unit that the run has found in order; None for one that it has to run."""
    plan = _looks.get(run_id, {}).get(unit.name)
    if plan is None or plan.spec is None:
        return None
    seen = [CheckResult(check.passed, check.detail, check.since) for check in plan.checks]
    checks = tuple(zip(unit.checks, seen, strict=True))
    return Result(plan.change, plan.spec, Observed("", outputs=plan.outputs), checks, plan.seconds)
