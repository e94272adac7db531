"""How a deploy ends: its exit code and its outcome, from the states of its units and from the approval it waits for."""

from __future__ import annotations

import pytest

from eks_assets.cli.runs.result import DeployResult, UnitResult
from eks_assets.orchestration.run_tags import WAITING

DONE = UnitResult("done", "created")
FAILED = UnitResult("failed", "AccessDenied")
SKIPPED = UnitResult("skipped", "it waits for network")
INTERRUPTED = UnitResult("interrupted", "interrupted: creating")
HELD = UnitResult(WAITING, "not approved yet")
MISSING = {"digest": "sha256:00", "missing": 1}


@pytest.mark.parametrize(
    ("units", "missing", "exit_code", "outcome"),
    [
        ([], {}, 0, "nothing to do"),
        ([DONE, DONE], {}, 0, "deployed"),
        ([FAILED, SKIPPED, DONE], {}, 1, "failed"),
        ([SKIPPED, DONE], {}, 1, "failed"),
        ([FAILED, HELD], {}, 1, "failed"),
        ([FAILED], MISSING, 1, "failed"),
        ([], MISSING, 3, "waiting for approval"),
        ([DONE], MISSING, 3, "waiting for approval"),
        ([HELD, SKIPPED], {}, 3, "waiting for approval"),
        ([INTERRUPTED, FAILED, SKIPPED], {}, 130, "interrupted"),
        ([INTERRUPTED], MISSING, 130, "interrupted"),
    ],
)
def test_deploy_result_follows_from_units_and_approval(
    units: list[UnitResult], missing: dict[str, object], exit_code: int, outcome: str
) -> None:
    """Exit code and outcome from the states of units and the missing approvals."""
    rows = {f"unit_{number}": unit for number, unit in enumerate(units)}
    result = DeployResult(planned=9, rows=rows, waiting=missing)
    assert (result.exit_code, result.outcome) == (exit_code, outcome)


def test_deploy_result_counts_deployed_or_planned_units() -> None:
    """Where nothing was launched the last line counts the units that were looked at."""
    assert DeployResult(planned=9).units == 9
    assert DeployResult(planned=9, rows={"network": DONE, "cluster": FAILED}).units == 1


def test_deploy_result_as_json_names_failures_and_approval() -> None:
    """The JSON document names failed units, and the approval only where one is missing."""
    result = DeployResult(planned=9, rows={"loki": FAILED, "network": DONE}, waiting=MISSING)
    assert result.as_json("acme-prod", 1.5) == {
        "environment": "acme-prod",
        "outcome": "failed",
        "units": 1,
        "seconds": 1.5,
        "failed": {"loki": "AccessDenied"},
        "approval": MISSING,
    }
    assert "approval" not in DeployResult(planned=9).as_json("acme-prod", 1.5)
