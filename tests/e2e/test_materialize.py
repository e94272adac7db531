"""Materialize, as Dagster runs it from the UI: what is in order is recorded from one look, the rest is put right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eks_assets.units import load_registry
from resources.aws.session import Aws
from resources.config.environment import Environment
from tests.e2e.conftest import Change
from tests.e2e.materialized import materialize
from tests.e2e.runs import footprint

pytestmark = pytest.mark.sandbox


@pytest.fixture(autouse=True)
def deployed(platform: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform is there, and Dagster's instance is the test's own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))


def test_materialize_all_unchanged_starts_no_process(account: Environment, context: Any) -> None:
    """With nothing to do every unit and check is recorded, no process starts, and nothing changes."""
    aws = Aws(account, as_deployer=False)
    before = footprint(aws, context)
    run = materialize(account.name)
    assert run.run.status == dg.DagsterRunStatus.SUCCESS
    assert run.steps("STEP_WORKER_STARTED") == set()
    results = run.results()
    assert set(load_registry().by_name) <= results.keys()
    assert {text.split(" in ")[0] for name, text in results.items() if load_registry().by_name.get(name)} <= {
        "nothing to do,",
        *(f"{name} is switched off" for name in load_registry().by_name),
    }
    checks = run.checks()
    assert all(checks.values())
    assert {f"{unit.name}:{check.name}" for unit in load_registry().units for check in unit.checks} <= checks.keys()
    assert footprint(aws, context) == before


def test_materialize_all_fixes_hand_edit_and_its_dependents(account: Environment) -> None:
    """What was changed by hand is corrected; it and its dependents alone run in processes."""
    ssm = Aws(account, as_deployer=False).client("ssm")
    name = account.parameter_path("eks/oidc-id")
    wanted = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="by-hand", Overwrite=True)
    run = materialize(account.name)
    assert run.run.status == dg.DagsterRunStatus.SUCCESS
    again = load_registry().descendants(["oidc_parameter"])
    assert run.steps("STEP_WORKER_STARTED") & set(load_registry().by_name) == set(again)
    assert run.results()["oidc_parameter"].startswith("updated in")
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == wanted


def test_materialize_in_wrong_account_fails_in_its_step(change: Change) -> None:
    """With another account's number the run fails in the unit's own step, which names the account."""
    change(account="210987654321")
    run = materialize("sandbox", "network")
    assert run.run.status == dg.DagsterRunStatus.FAILURE
    assert run.steps("STEP_FAILURE") == {"network"}
    assert "210987654321" in run.failures()["network"]
