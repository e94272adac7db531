"""The job `destroy` on an embedded AWS: what it refuses, what it shows, and the mails of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.orchestration import destroy_job
from eks_assets.orchestration.destroy_job import destroy, destroy_config
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.run_tags import DESTROYED, DESTROYING, outcome_of
from resources.aws.session import Aws
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.config.names import topic_name
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.model.errors import OperationFailed
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from sensors.launching import describe_removal, is_destroyed
from tests.helpers.embedded_gate import gate_account


@unit(wave="network")
def first(env: Environment) -> Parameter[NoOutputs]:
    """A parameter."""
    return Parameter[NoOutputs](name=env.parameter_path("efs/file-system-id"), value="fs-1")


@unit(wave="network", after=[first])
def second(env: Environment) -> Parameter[NoOutputs]:
    """A parameter that needs the first one."""
    return Parameter[NoOutputs](name=env.parameter_path("acm/certificate-arn"), value="arn")


REGISTRY = Registry.of([first, second])


@dataclass
class World:
    """The environment `sandbox` with both parameters, its topic, and a queue that gets the mails."""

    env: Environment
    instance: dg.DagsterInstance
    queue: str = ""

    def context(self) -> Context:
        return Context.of(self.env)

    def admin(self) -> Aws:
        return Aws(self.env, as_deployer=False)

    def run(self, confirm: str = "sandbox", *, removed: bool = False) -> dg.ExecuteInProcessResult:
        return destroy.execute_in_process(
            run_config=destroy_config(confirm, removed=removed, wait=0.0),
            partition_key="sandbox",
            resources={"platform": Platform()},
            instance=self.instance,
            raise_on_error=False,
        )

    def left(self) -> set[str]:
        pages = self.context().aws.client("ssm").get_paginator("describe_parameters").paginate()
        names = {p["Name"] for page in pages for p in page["Parameters"]}
        own = ("efs/file-system-id", "acm/certificate-arn")
        return {tail for tail in own if self.env.parameter_path(tail) in names}

    def subjects(self) -> list[str]:
        client, subjects = self.admin().client("sqs"), list[str]()
        while messages := client.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                subjects.append(json.loads(message["Body"])["Subject"])
                client.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return subjects

    def outcome(self) -> str | None:
        (record, *_) = self.instance.get_run_records(limit=1)
        return outcome_of(self.instance, record.dagster_run)


@pytest.fixture
def world(
    sandbox_env: Environment, environments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    monkeypatch.setattr(destroy_job, "load_registry", lambda: REGISTRY)
    (tmp_path / "account").mkdir()
    with gate_account(sandbox_env.region, tmp_path / "account"), dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        own = World(load_environment("sandbox"), instance)
        apply_bootstrap(own.env)
        sns, sqs = own.admin().client("sns"), own.admin().client("sqs")
        topic = sns.create_topic(Name=topic_name(own.env))["TopicArn"]
        own.queue = sqs.create_queue(QueueName="mails")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=own.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=own.queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        for each in REGISTRY.units:
            run_unit(REGISTRY, each, own.context())
        yield own


def said(result: dg.ExecuteInProcessResult) -> str:
    data = result.get_step_failure_events()[0].step_failure_data
    assert data.user_failure_data is not None, data.error
    return str(data.user_failure_data.description)


@pytest.mark.parametrize("confirm", ["", "Sandbox", "sandbox-gated"])
def test_nothing_goes_without_the_environments_name(world: World, confirm: str) -> None:
    """Whoever launches it types the name; another name, or none, removes nothing."""
    result = world.run(confirm)
    assert not result.success
    assert "type its name: sandbox" in said(result)
    assert len(world.left()) == 2
    assert describe_removal(world.instance, "sandbox") == ""


def test_run_removes_all_and_keeps_sensors_away(world: World) -> None:
    """Each unit's page says what went; sensors know that nobody wants the environment back."""
    result = world.run()
    assert result.success, said(result)
    assert world.left() == set()
    assert world.outcome() == DESTROYED
    assert is_destroyed(world.instance, "sandbox")
    observed: dict[str, Any] = {
        event.asset_key.to_user_string(): event.asset_observation_data.asset_observation.metadata
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_OBSERVATION and event.asset_key
    }
    assert set(observed) == {"first", "second"}
    assert observed["first"]["result"].value.startswith("first: removed 1 object in")
    assert "AWS::SSM::Parameter /demo/sandbox/efs/file-system-id" in observed["first"]["objects"].value
    assert world.subjects() == ["[sandbox] is being destroyed"]


def test_run_that_stops_says_how_to_continue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed removal is a failed run, with a mail; no sensor deploys what is half gone, and the next run goes on."""
    with monkeypatch.context() as patch:

        def refuse(*_: Any, **__: Any) -> None:
            raise OperationFailed("AWS says no")

        patch.setattr(ParameterDriver, "destroy", refuse)
        result = world.run()
    assert not result.success
    assert "second: AWS says no" in said(result)
    assert "eks-assets destroy sandbox --confirm sandbox" in said(result)
    assert world.outcome() == DESTROYING
    assert describe_removal(world.instance, "sandbox") == "the environment is being destroyed"
    assert world.subjects() == ["[sandbox] is being destroyed", "[sandbox] destroy stopped: second"]
    assert world.run().success
    assert world.left() == set()


def test_run_that_removes_what_the_file_no_longer_has_is_no_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the environment's name too. Sensors go on as before: also where all had been destroyed before it."""

    @unit(wave="network", after=[first], when=lambda _: False)
    def second(env: Environment) -> Parameter[NoOutputs]:
        """It is switched off by now."""
        return Parameter[NoOutputs](name=env.parameter_path("another"), value="arn")

    monkeypatch.setattr(destroy_job, "load_registry", lambda: Registry.of([first, second]))
    assert not world.run("", removed=True).success
    assert len(world.left()) == 2
    result = world.run(removed=True)
    assert result.success, said(result)
    assert world.left() == {"efs/file-system-id"}
    assert (world.outcome(), describe_removal(world.instance, "sandbox")) == (None, "")
    assert world.subjects() == []
    assert world.run().success
    assert world.run(removed=True).success
    assert is_destroyed(world.instance, "sandbox")
