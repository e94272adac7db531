"""Which errors of a plan stop a deploy before it starts anything."""

from __future__ import annotations

import pytest

from eks_assets.cli.runs.deployment import refuse_errors
from eks_assets.plan.unit_plan import EnvironmentPlan, UnitPlan
from resources.model.errors import ConfigError, PipelineError, Transient, Unreachable


def plan_of(*errors: PipelineError) -> EnvironmentPlan:
    units = (UnitPlan(f"unit_{number}", "cluster", "unknown", error=error) for number, error in enumerate(errors))
    return EnvironmentPlan("sandbox", tuple(units))


def test_what_a_deploy_may_heal_stops_none() -> None:
    """AWS that is busy, and an API server that lets nobody in: the deploy may bring the rule that is missing."""
    refuse_errors(plan_of(Transient("busy"), Unreachable("no rule lets this machine in")))


def test_other_errors_are_said_together() -> None:
    with pytest.raises(PipelineError) as caught:
        refuse_errors(plan_of(Unreachable("no rule"), ConfigError("one", next_step="first"), ConfigError("two")))
    assert (caught.value.message, caught.value.next_step) == ("unit_1: one\nunit_2: two", "first")
    assert caught.value.exit_code == 2
