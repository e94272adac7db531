"""The job `rollback` takes a deploy that failed back, on an embedded AWS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.orchestration import rollback_job
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.rollback_job import rollback, undo_config
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.model.errors import OperationFailed
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from tests.helpers.embedded_gate import gate_account

NAMES = ("acm/certificate-arn", "efs/file-system-id")


@dataclass
class World:
    """The environment `sandbox` with two parameters, the second after the first, which have `value`."""

    env: Environment
    instance: dg.DagsterInstance
    value: str = "1"

    def registry(self) -> Registry:
        @unit(wave="network")
        def first(env: Environment) -> Parameter[NoOutputs]:
            """A parameter."""
            return Parameter[NoOutputs](name=env.parameter_path(NAMES[0]), value=self.value)

        @unit(wave="network", after=[first])
        def second(env: Environment) -> Parameter[NoOutputs]:
            """A parameter that needs the first one."""
            return Parameter[NoOutputs](name=env.parameter_path(NAMES[1]), value=self.value)

        return Registry.of([first, second])

    def deploy(self, run_id: str) -> None:
        time.sleep(0.002)  # the ledger's times are milliseconds
        for each in self.registry().units:
            run_unit(self.registry(), each, Context.of(self.env, run_id=run_id))

    def fail(self, job: str = "deploy", partition: str = "sandbox") -> dg.DagsterRun:
        """A run that fails after it has changed both."""
        run = dg.DagsterRun(job_name=job, status=dg.DagsterRunStatus.NOT_STARTED, tags={"dagster/partition": partition})
        self.instance.add_run(run)
        self.instance.report_dagster_event(event(dg.DagsterEventType.RUN_START, job), run.run_id)
        if (job, partition) == ("deploy", "sandbox"):
            self.value = "2"
            self.deploy(run.run_id)
        self.instance.report_dagster_event(event(dg.DagsterEventType.RUN_FAILURE, job), run.run_id)
        return run

    def take_back(self, run: dg.DagsterRun) -> dg.ExecuteInProcessResult:
        return rollback.execute_in_process(
            run_config=undo_config(run.run_id),
            partition_key="sandbox",
            resources={"platform": Platform()},
            instance=self.instance,
            raise_on_error=False,
        )

    def live(self) -> list[str]:
        ssm = Context.of(self.env).aws.client("ssm")
        return [ssm.get_parameter(Name=self.env.parameter_path(name))["Parameter"]["Value"] for name in NAMES]


def event(kind: dg.DagsterEventType, job: str) -> dg.DagsterEvent:
    return dg.DagsterEvent(kind.value, job_name=job, message="by the test")


@pytest.fixture
def world(
    sandbox_env: Environment, environments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    (tmp_path / "account").mkdir()
    with gate_account(sandbox_env.region, tmp_path / "account"), dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        own = World(load_environment("sandbox"), instance)
        monkeypatch.setattr(rollback_job, "load_registry", own.registry)
        apply_bootstrap(own.env)
        own.deploy("before")
        yield own


def said(result: dg.ExecuteInProcessResult) -> str:
    data = result.get_step_failure_events()[0].step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


def test_changes_of_a_failed_deploy_go_back_last_first(world: World) -> None:
    """Each unit's page has it; the next deploy leaves them, since the files have not changed."""
    result = world.take_back(world.fail())
    assert result.success, said(result)
    assert world.live() == ["1", "1"]
    shown = [
        event.asset_key.to_user_string()
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key
    ]
    assert shown == ["second", "first"]
    world.deploy("after")
    assert world.live() == ["1", "1"]


def test_rollback_that_fails_stops_and_says_where(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is before it in the graph stays as the deploy has left it; the run fails, which people are told."""
    run, real = world.fail(), ParameterDriver.apply

    def refuse(self: ParameterDriver, spec: Parameter[Any], context: Context) -> None:
        if spec.name.endswith(NAMES[1]):
            raise OperationFailed("AWS says no")
        real(self, spec, context)

    monkeypatch.setattr(ParameterDriver, "apply", refuse)
    result = world.take_back(run)
    assert not result.success
    assert "AWS says no" in said(result)
    assert world.live() == ["2", "2"]


@pytest.mark.parametrize(("job", "partition"), [("drift", "sandbox"), ("deploy", "acme-dev")])
def test_other_runs_are_refused(world: World, job: str, partition: str) -> None:
    result = world.take_back(world.fail(job, partition))
    assert not result.success
    assert "is no run of the job deploy on sandbox that failed" in said(result)
    assert world.live() == ["1", "1"]
