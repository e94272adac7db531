"""Plans that are built from what units have to change."""

from __future__ import annotations

from typing import Any

from eks_assets.plan.document import Source, build_report
from eks_assets.plan.unit_plan import EnvironmentPlan, State, UnitPlan
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.model.change import NOTHING_TO_DO, Change, FieldChange

SOURCE = Source("c0ffee", "1.34")


def planned(unit: str, *fields: FieldChange, state: State = "pending", **change: Any) -> UnitPlan:
    """A unit with these changes to make; without any it has nothing to do."""
    made = Change("update", fields, "differs", **change) if fields else NOTHING_TO_DO
    return UnitPlan(unit, load_registry()[unit].wave, state, made, observed={"status": "deployed", "revision": "3"})


def reported(env: Environment, *units: UnitPlan) -> dict[str, Any]:
    """The plan of these units as the JSON document that `plan --json` prints."""
    report = build_report(EnvironmentPlan(env.name, units), load_registry(), env, SOURCE)
    return report.model_dump(mode="json")
