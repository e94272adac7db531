"""Materialize, as Dagster runs it from the UI: what is in order is recorded from one look, the rest is put right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eks_assets.units import registry
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


def test_all_with_nothing_to_do_records_every_unit_and_starts_no_process(account: Environment, context: Any) -> None:
    aws = Aws(account, as_deployer=False)
    before = footprint(aws, context)
    run = materialize(account.name)
    assert run.run.status == dg.DagsterRunStatus.SUCCESS
    assert run.steps("STEP_WORKER_STARTED") == set()
    results = run.results()
    assert set(registry().by_name) <= results.keys()
    assert {text.split(" in ")[0] for name, text in results.items() if registry().by_name.get(name)} <= {
        "nothing to do,",
        *(f"{name} is switched off" for name in registry().by_name),
    }
    checks = run.checks()
    assert all(checks.values())
    assert {f"{unit.name}:{check.name}" for unit in registry().units for check in unit.checks} <= checks.keys()
    assert footprint(aws, context) == before


def test_what_was_changed_by_hand_is_put_right_in_a_process_of_its_own(account: Environment) -> None:
    ssm = Aws(account, as_deployer=False).client("ssm")
    name = account.parameter_path("eks/oidc-id")
    wanted = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="by-hand", Overwrite=True)
    run = materialize(account.name)
    assert run.run.status == dg.DagsterRunStatus.SUCCESS
    again = registry().descendants(["oidc_parameter"])
    assert run.steps("STEP_WORKER_STARTED") & set(registry().by_name) == set(again)
    assert run.results()["oidc_parameter"].startswith("updated in")
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == wanted


def test_an_account_that_is_another_one_fails_in_the_steps_that_say_so(change: Change) -> None:
    change(account="210987654321")
    run = materialize("sandbox", "network")
    assert run.run.status == dg.DagsterRunStatus.FAILURE
    assert run.steps("STEP_FAILURE") == {"network"}
    assert "210987654321" in run.failures()["network"]
