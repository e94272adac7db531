"""Dagster copies the tags of a run to the run that executes it again: what they say of the one is not true of the
other."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import dagster as dg
import pytest

from eks_assets.cli.runs.abandoned import close_abandoned
from eks_assets.orchestration import executor
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.run_tags import LAUNCH_TAG, OUTCOME_TAG, OWNER_TAG, PROCESS_TAG, WAITING, outcome_of
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import ignore_progress
from resources.model.errors import OperationFailed
from resources.records.launch import new_launch_name
from sensors.launching import deploy_run
from tests.helpers.leases import another_launch

STARTED, CANCELED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELED


@dataclass(frozen=True)
class Twice:
    """A run of the command line, whose process is gone, and the run that executes it again."""

    first: dg.DagsterRun
    again: dg.DagsterRun


@pytest.fixture
def twice() -> Twice:
    tags = {
        "dagster/partition": "acme-dev",
        LAUNCH_TAG: new_launch_name(),
        PROCESS_TAG: f"{socket.gethostname()} 999999 1",
        OUTCOME_TAG: WAITING,
    }
    first = dg.DagsterRun(job_name="deploy", status=STARTED, tags=tags)
    again = dg.DagsterRun(
        job_name="deploy", status=STARTED, tags=tags, root_run_id=first.run_id, parent_run_id=first.run_id
    )
    return Twice(first, again)


def test_reexecuted_run_does_not_inherit_launch(twice: Twice) -> None:
    """A re-executed run holds the environment for itself: the copied launch tag does not count."""
    assert Platform().open("acme-dev", ignore_progress, twice.first).launch == twice.first.tags[LAUNCH_TAG]
    assert Platform().open("acme-dev", ignore_progress, twice.again).launch is None


def test_reexecuted_run_is_planned_again(twice: Twice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copied tags do not say that a re-executed run has been planned: it plans."""
    planned: list[str] = []

    def plan_environment(*_: object, only: list[str]) -> None:
        planned.extend(only)
        raise OperationFailed("by the test")

    monkeypatch.setattr(executor, "plan_environment", plan_environment)
    monkeypatch.setattr(executor, "check_incumbent", lambda _: None)
    executor._in_order(twice.first, ["planned before"])
    executor._in_order(twice.again, ["not planned"])
    assert planned == ["not planned"]


def test_reexecuted_run_is_not_closed_with_the_first(twice: Twice) -> None:
    """Closing the abandoned first run leaves the re-executed run alone."""
    with dg.DagsterInstance.ephemeral() as instance:
        for run in (twice.first, twice.again):
            executor._record_own_tags(instance, instance.add_run(run))
        close_abandoned(instance)
        statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses == {twice.first.run_id: CANCELED, twice.again.run_id: STARTED}


def test_outcome_counts_for_its_run_alone(twice: Twice) -> None:
    """What the command line says of its run is recorded as the run begins; the copied tag is not."""
    with dg.DagsterInstance.ephemeral() as instance:
        outcomes = []
        for run in (twice.first, twice.again):
            executor._record_own_tags(instance, instance.add_run(run))
            outcomes.append(outcome_of(instance, run))
    assert outcomes == [WAITING, None]


def test_tags_of_another_launch_prove_nothing(twice: Twice) -> None:
    """A run that has all tags of one of the command line, and is executed by another process, is only a run: nobody
    holds the environment for it, no outcome is recorded, and nobody closes it."""
    tags = {"dagster/partition": "acme-dev", **twice.first.tags}
    made_up = dg.DagsterRun(job_name="deploy", status=STARTED, tags=tags)
    with dg.DagsterInstance.ephemeral() as instance, another_launch():
        executor._record_own_tags(instance, instance.add_run(made_up))
        assert Platform().open("acme-dev", ignore_progress, made_up).launch is None
        assert outcome_of(instance, made_up) is None
        close_abandoned(instance)
        assert [run.status for run in instance.get_runs()] == [STARTED]


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """`acme-dev` with an owner, as the executor reads it."""
    env = load_environment("acme-dev").model_copy(update={"owner": "team:payments"})
    monkeypatch.setattr(executor, "load_environment", {env.name: env}.__getitem__)
    return env


def test_run_of_sensor_names_owner(owned: Environment) -> None:
    """A run that a sensor starts has the environment's owner as a tag, where there is one."""
    tags = {"eks-assets/why": "by the test"}
    assert deploy_run(owned, "key", tags).tags == {**tags, OWNER_TAG: "team:payments"}
    assert deploy_run(owned.model_copy(update={"owner": None}), "key", tags).tags == tags


def test_run_launched_in_ui_names_owner(owned: Environment) -> None:
    """The executor adds the tag once the run has started, as Dagster has no place for it before."""
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.add_run(dg.DagsterRun(job_name="deploy", tags={"dagster/partition": owned.name}))
        executor._tag_with_owner(instance, run)
        tagged_run = instance.get_run_by_id(run.run_id)
    assert tagged_run is not None
    assert tagged_run.tags[OWNER_TAG] == "team:payments"
