"""What `eks-assets status` prints as JSON, and its exit code."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, get_args

import pytest
from rich.console import Console

from eks_assets.cli.commands.status import exit_code, print_status, status_report
from eks_assets.engine.drift.repair import UnitRepair
from eks_assets.engine.upgrade.progress import UpgradeProgress
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan, State, UnitPlan
from resources.model.errors import AccessDenied, OperationFailed, PipelineError
from resources.records.drift_runs import DriftRun, FoundDrift
from resources.records.upgrades import UpgradeEvent
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


FOUND = FoundDrift(id="0123456789ab", unit="u", layer="helm", object="o", path="p", kind="changed")


def drift_run(ago: timedelta, **fields: Any) -> DriftRun:
    return DriftRun(environment="e", at=datetime.now(UTC) - ago, run="r", findings=(), unknown=12, **fields)


def lines_of(drift: DriftRun | PipelineError | None) -> str:
    text = StringIO()
    print_status(environment(), Console(file=text, width=200), 1.0, drift)
    return text.getvalue()


def test_status_says_how_old_the_last_drift_run_is() -> None:
    """In both forms: its age and its counts, with what an earlier run found and this one could not check."""
    drift = drift_run(timedelta(minutes=37, seconds=20), unsettled=(FOUND,), ignored=1)
    assert "drift: 1 findings, 12 cannot be compared, 1 ignored, 37 min ago\n" in lines_of(drift)
    document = status_report(environment(), drift)
    assert schema_faults(document, SCHEMA) == []
    assert {name: document["drift"][name] for name in ("run", "findings", "unknown", "ignored")} == {
        "run": "r",
        "findings": 1,
        "unknown": 12,
        "ignored": 1,
    }
    ahead = drift_run(-timedelta(hours=1))  # this machine's clock is slow
    assert status_report(environment(), ahead)["drift"]["age_seconds"] == 0
    assert "compared, 0 s ago\n" in lines_of(ahead)


def test_status_says_what_is_repaired_by_itself_and_what_is_not() -> None:
    """In both forms, where the environment's file asks for it."""
    drift, text = drift_run(timedelta(minutes=5)), StringIO()
    repairs = [UnitRepair("loki", (FOUND,)), UnitRepair("efs", (FOUND,), "it is forward-only")]
    print_status(environment(), Console(file=text, width=200), 1.0, drift, repairs)
    assert "  loki: repaired by itself, once for these findings\n" in text.getvalue()
    assert "  efs: not repaired: it is forward-only\n" in text.getvalue()
    document = status_report(environment(), drift, repairs)
    assert schema_faults(document, SCHEMA) == []
    expected = [{"unit": "loki", "reason": ""}, {"unit": "efs", "reason": "it is forward-only"}]
    assert document["drift"]["repair"] == expected
    assert "repair" not in status_report(environment(), drift)["drift"]


def test_status_says_where_no_drift_run_is_known() -> None:
    """That there was none, or why it cannot be read."""
    error = AccessDenied("reading the ledger: no")
    assert "drift: no run yet\n" in lines_of(None)
    assert "drift: the last run cannot be read: reading the ledger: no\n" in lines_of(error)
    assert (status_report(environment())["drift"], status_report(environment(), error)["drift"]) == (
        None,
        {"error": "reading the ledger: no"},
    )
    assert schema_faults(status_report(environment(), error), SCHEMA) == []


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


def test_status_says_where_an_upgrade_stands() -> None:
    """The step, since when, what it typically takes, why it stopped, and how long the version can go back."""
    began = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    step = UpgradeEvent(at=began, kind="begun", minor="1.35", step="bake")
    until = datetime.now(UTC) + timedelta(days=3, hours=12)
    upgrade = UpgradeProgress("1.34", "1.36", "stopped", step, "checks turned red", 0.1, until)
    document = status_report(environment(), upgrade=upgrade)
    assert schema_faults(document, SCHEMA) == []
    assert (document["upgrade"]["step"], document["upgrade"]["days_left"]) == ("bake", 3.5)
    text = StringIO()
    print_status(environment(), Console(file=text, width=200), 1.0, upgrade=upgrade)
    assert (
        "upgrade from Kubernetes 1.34 to 1.36: stopped, 1.35 bake since 2026-11-30 12:00:00 UTC, typically 0.1 min\n"
        "  checks turned red\n"
        "  it can go back for 3.5 days: eks-assets rollback acme-prod --to 1.34\n"
    ) in text.getvalue()
