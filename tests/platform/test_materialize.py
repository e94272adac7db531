"""Materialize, as Dagster runs it from the UI: what is in order is recorded from one look, the rest is put right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eks_assets.dagster_home import open_instance
from eks_assets.units import registry
from resources.aws import Aws
from resources.environment import Environment
from sandbox.paths import PROJECT

from .conftest import Change
from .runs import footprint

pytestmark = pytest.mark.sandbox
EVERYTHING = "*"
Materialize = Callable[..., "Run"]


class Run:
    """The newest run, as the UI shows it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.run = instance.get_run_records(limit=1)[0].dagster_run
        self._events = [entry.dagster_event for entry in instance.all_logs(self.run.run_id) if entry.dagster_event]

    def steps(self, kind: str) -> set[str]:
        """The steps that have an event of that type."""
        return {str(event.step_key) for event in self._events if event.event_type_value == kind}

    def results(self) -> dict[str, str]:
        """The first line of each materialization."""
        made = [
            event.step_materialization_data.materialization for event in self._events if event.is_step_materialization
        ]
        return {one.asset_key.to_user_string(): str(one.metadata["result"].value) for one in made}

    def checks(self) -> dict[str, bool]:
        found = [e.asset_check_evaluation_data for e in self._events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
        return {f"{one.asset_key.to_user_string()}:{one.check_name}": one.passed for one in found}


@pytest.fixture
def materialize(platform: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Materialize:
    """Runs Dagster's own command for a selection of assets, in an instance of the test's own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))

    def run(selection: str = EVERYTHING) -> Run:
        with open_instance() as instance:
            instance.add_dynamic_partitions("environments", ["sandbox"])
            argv = ["asset", "materialize", "-m", "eks_assets.definitions", "--select", selection]
            subprocess.run(
                [sys.executable, "-m", "dagster", *argv, "--partition", "sandbox"],
                cwd=PROJECT, capture_output=True, check=False, timeout=300,
            )  # fmt: skip
            return Run(instance)

    return run


def test_all_with_nothing_to_do_records_every_unit_and_starts_no_process(
    materialize: Materialize, account: Environment, world: Any
) -> None:
    aws = Aws(account, as_deployer=False)
    before = footprint(aws, world)
    run = materialize()
    assert run.run.status == dg.DagsterRunStatus.SUCCESS
    assert run.steps("STEP_WORKER_STARTED") == set()
    results = run.results()
    assert set(registry().by_name) <= results.keys()
    assert {text.split(" in ")[0] for name, text in results.items() if registry().by_name.get(name)} <= {
        "nothing to do,", *(f"{name} is switched off" for name in registry().by_name),
    }  # fmt: skip
    checks = run.checks()
    assert all(checks.values())
    assert {f"{unit.name}:{check.name}" for unit in registry().units for check in unit.checks} <= checks.keys()
    assert footprint(aws, world) == before


def test_what_was_changed_by_hand_is_put_right_in_a_process_of_its_own(
    materialize: Materialize, account: Environment
) -> None:
    ssm = Aws(account, as_deployer=False).client("ssm")
    name = account.parameter_path("eks/oidc-id")
    wanted = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="by-hand", Overwrite=True)
    run = materialize()
    assert run.run.status == dg.DagsterRunStatus.SUCCESS
    again = registry().descendants(["oidc_parameter"])
    assert run.steps("STEP_WORKER_STARTED") & set(registry().by_name) == set(again)
    assert run.results()["oidc_parameter"].startswith("updated in")
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == wanted


def test_an_account_that_is_another_one_fails_in_the_steps_that_say_so(
    materialize: Materialize, change: Change
) -> None:
    change(account="210987654321")
    run = materialize("network")
    assert run.run.status == dg.DagsterRunStatus.FAILURE
    assert run.steps("STEP_FAILURE") == {"network"}
