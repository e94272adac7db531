"""What `eks-assets status` prints as JSON, and its exit code."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from eks_assets.cli.commands.status import exit_code, status_report
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan, State, UnitPlan
from resources.model.errors import OperationFailed
from sandbox.paths import PROJECT
from tests.helpers.json_schema import schema_faults, schema_of

SCHEMA = schema_of("status")
STATES: tuple[State, ...] = get_args(State)
PASSED = CheckState("exists", True, "as it should be", "It exists.", "2025-03-01T12:00:00Z")
FAILED = CheckState("is_ready", False, "1 of 3 pods", "It is ready.")


def environment(*units: UnitPlan) -> EnvironmentPlan:
    return EnvironmentPlan("acme-prod", units)


def example() -> dict[str, Any]:
    """A unit in each state, with checks and with an error."""
    units = [UnitPlan(f"unit_{state}", "network", state, checks=(PASSED, FAILED)) for state in STATES]
    return status_report(
        environment(*units, UnitPlan("loki", "observability", "unknown", error=OperationFailed("why")))
    )


def test_json_is_as_the_schema_says() -> None:
    assert schema_faults(example(), SCHEMA) == []
    assert schema_faults(status_report(environment()), SCHEMA) == []


@pytest.mark.parametrize(
    "change",
    [{"more": 1}, {"state": "fine"}, {"checks": [{"name": "x"}]}, {"error": None}],
)
def test_schema_refuses_another_form(change: dict[str, Any]) -> None:
    document = example()
    document["units"][0] |= change
    assert schema_faults(document, SCHEMA)


def test_schema_and_document_list_every_state() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (PROJECT / "docs/status.md").read_text(), re.MULTILINE)[1:]
    assert set(listed) == set(SCHEMA["$defs"]["unit"]["properties"]["state"]["enum"]) == set(STATES)


def test_since_is_the_time_of_the_command_where_nobody_keeps_it() -> None:
    passed, failed = status_report(environment(UnitPlan("a", "network", "failed", checks=(PASSED, FAILED))))["units"][
        0
    ]["checks"]
    assert passed["since"] == "2025-03-01T12:00:00Z"
    assert failed["since"] > "2026"


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([], 0),
        (["in_sync", "disabled"], 0),
        (["in_sync", "pending"], 4),
        (["waiting"], 3),
        (["waiting", "pending"], 4),
        (["pending", "failed"], 1),
        (["unknown", "in_sync"], 1),
    ],
)
def test_exit_code(states: list[State], code: int) -> None:
    assert exit_code(environment(*(UnitPlan(state, "network", state) for state in states))) == code


def test_exit_code_counts_a_failing_check_where_nothing_is_pending() -> None:
    assert exit_code(environment(UnitPlan("a", "network", "in_sync", checks=(FAILED,)))) == 1
    assert exit_code(environment(UnitPlan("a", "network", "pending", checks=(FAILED,)))) == 4
