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


def test_status_json_is_valid_against_schema() -> None:
    """The document fits docs/status.schema.json, with and without units."""
    assert schema_faults(example(), SCHEMA) == []
    assert schema_faults(status_report(environment()), SCHEMA) == []


@pytest.mark.parametrize(
    "change",
    [{"more": 1}, {"state": "fine"}, {"checks": [{"name": "x"}]}, {"error": None}],
)
def test_status_schema_refuses_other_forms(change: dict[str, Any]) -> None:
    """Unknown and missing fields are faults."""
    document = example()
    document["units"][0] |= change
    assert schema_faults(document, SCHEMA)


def test_schema_and_page_list_every_state() -> None:
    """Schema, page and program have the same states."""
    listed = re.findall(r"^\| `(\w+)` \|", (PROJECT / "docs/status.md").read_text(), re.MULTILINE)[1:]
    assert set(listed) == set(SCHEMA["$defs"]["unit"]["properties"]["state"]["enum"]) == set(STATES)


def test_status_since_defaults_to_now() -> None:
    """A check without history has been so since the command ran."""
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
def test_status_exit_code_follows_from_states(states: list[State], code: int) -> None:
    """Failed and unknown units are 1, waiting ones 3, pending ones 4."""
    assert exit_code(environment(*(UnitPlan(state, "network", state) for state in states))) == code


def test_status_exit_code_counts_failing_checks() -> None:
    """A failing check is 1 unless something is pending."""
    assert exit_code(environment(UnitPlan("a", "network", "in_sync", checks=(FAILED,)))) == 1
    assert exit_code(environment(UnitPlan("a", "network", "pending", checks=(FAILED,)))) == 4
