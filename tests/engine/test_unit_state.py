"""The state of a unit follows from what is observed of it, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.engine.planner import unit_state
from eks_assets.plan.unit_plan import State
from resources.model.change import NOTHING_TO_DO, Change

UPDATE = Change("update", reason="it differs")
HEALTHY: dict[str, bool] = {"healthy": True, "only_probes": False, "needs_are_settled": True, "gated": False}

CASES: list[tuple[str, Change, str, dict[str, bool], State]] = [
    ("nothing differs", NOTHING_TO_DO, "CREATE_COMPLETE", {}, "in_sync"),
    ("nothing differs behind the gate", NOTHING_TO_DO, "deployed", {"gated": True}, "in_sync"),
    ("nothing differs after a failed update", NOTHING_TO_DO, "UPDATE_ROLLBACK_COMPLETE", {}, "in_sync"),
    ("unhealthy", NOTHING_TO_DO, "deployed", {"healthy": False}, "failed"),
    ("unhealthy behind the gate", NOTHING_TO_DO, "deployed", {"healthy": False, "gated": True}, "failed"),
    ("it does not exist", UPDATE, "", {}, "pending"),
    ("it differs", UPDATE, "deployed", {}, "pending"),
    ("it differs and is unhealthy", UPDATE, "deployed", {"healthy": False}, "pending"),
    ("it differs behind the gate", UPDATE, "deployed", {"gated": True}, "waiting"),
    ("a stack failed", UPDATE, "CREATE_FAILED", {}, "failed"),
    ("a stack was rolled back", UPDATE, "UPDATE_ROLLBACK_COMPLETE", {}, "failed"),
    ("a release failed", UPDATE, "failed", {}, "failed"),
    ("a release failed behind the gate", UPDATE, "failed", {"gated": True}, "failed"),
    ("probes fail", NOTHING_TO_DO, "checked", {"healthy": False, "only_probes": True}, "failed"),
    (
        "probes of what is not there yet",
        NOTHING_TO_DO,
        "checked",
        {"healthy": False, "only_probes": True, "needs_are_settled": False},
        "pending",
    ),
    (
        "probes of what is not there yet, behind the gate",
        NOTHING_TO_DO,
        "checked",
        {"healthy": False, "only_probes": True, "needs_are_settled": False, "gated": True},
        "waiting",
    ),
    ("unhealthy while others change", NOTHING_TO_DO, "", {"healthy": False, "needs_are_settled": False}, "failed"),
]


@pytest.mark.parametrize(
    ("change", "status", "facts", "state"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_unit_state_follows_from_observation(change: Change, status: str, facts: dict[str, Any], state: State) -> None:
    """Each case: what would change, what is observed, what differs from a healthy unit outside of the gate."""
    assert unit_state(change, status, **{**HEALTHY, **facts}) == state
