"""Requests on the real queue of the unit `deploy_requests`: each served once, a bad one in nobody's way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eks_assets.units.infrastructure.deploy_requests import deploy_requests
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.names import queue_name
from sandbox.paths import StateDirectory
from sensors import deploy_requests as sensor
from sensors.deploy_requests import deploy_requests_sensor
from sensors.polling import look_at_each
from tests.sensors.conftest import Daemon, Files, Materialize

pytestmark = pytest.mark.sandbox


class Queues:
    """The two queues of the environment `sandbox`, as a CI system and an administrator see them."""

    def __init__(self, env: Environment, admin: Aws) -> None:
        self._sqs = admin.client("sqs")
        self.url, self.dead = (
            self._sqs.get_queue_url(QueueName=f"{queue_name(env)}{tail}")["QueueUrl"] for tail in ("", "-dlq")
        )

    def send(self, body: str | None = None, **words: Any) -> None:
        message = body if body is not None else json.dumps({"environment": "sandbox", **words})
        self._sqs.send_message(QueueUrl=self.url, MessageBody=message)

    def show_again(self) -> None:
        """What SQS does after the visibility timeout."""
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"VisibilityTimeout": "0"})

    def left(self) -> int:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(number) for number in answer["Attributes"].values())

    def refused(self) -> list[tuple[str, str]]:
        """Body and reason of what is in the dead-letter queue."""
        messages = self._sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=message["ReceiptHandle"])
        return [(m["Body"], m["MessageAttributes"]["reason"]["StringValue"]) for m in messages]

    def empty(self) -> None:
        for url in (self.url, self.dead):
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
            self._sqs.purge_queue(QueueUrl=url)


@pytest.fixture
def queues(
    materialize: Materialize, account: Environment, admin: Aws, files: Files, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Queues]:
    """The queues, empty. On a busy machine AWS may take its time."""
    monkeypatch.setattr(sensor, "look_at_each", partial(look_at_each, seconds=60))
    files.keep("sandbox")
    materialize(deploy_requests)
    both = Queues(account, admin)
    yield both
    both.empty()


def test_request_starts_one_run_and_is_deleted_after_it(daemon: Daemon, queues: Queues) -> None:
    """The message is deleted by the tick after the launch; a repeated id launches nothing."""
    queues.send(id="build-7", reason="release 7")
    (run,) = daemon.tick(deploy_requests_sensor)
    assert queues.left() == 1
    wanted = {
        "dagster/partition": "sandbox",
        "dagster/run_key": "sandbox/build-7",
        "eks-assets/request": "sandbox/build-7",
        "eks-assets/why": "release 7",
    }
    assert wanted.items() <= run.tags.items()
    assert run.tags["eks-assets/sender"] not in ("", "unknown")
    assert daemon.tick(deploy_requests_sensor) == []
    assert queues.left() == 0
    # The same request again, as a CI system that got no answer sends it.
    queues.send(id="build-7")
    assert daemon.tick(deploy_requests_sensor) == []
    assert queues.left() == 0


def test_request_may_select_units(daemon: Daemon, queues: Queues) -> None:
    """`only` selects the run's units."""
    queues.send(only=["network", "efs"])
    (run,) = daemon.tick(deploy_requests_sensor)
    assert run.asset_selection == {dg.AssetKey("network"), dg.AssetKey("efs")}


def test_request_for_gated_units_also_asks_for_approval(daemon: Daemon, queues: Queues, files: Files) -> None:
    """For units behind the gate the run also plans the approval request."""
    files.write("sandbox", approval={"approvers": 1})
    queues.send(only=["argo_cd"])
    (run,) = daemon.tick(deploy_requests_sensor)
    assert run.asset_selection == {dg.AssetKey("argo_cd"), dg.AssetKey("release_plan")}


def test_request_delivered_twice_starts_one_run(daemon: Daemon, queues: Queues) -> None:
    """Neither a lost cursor nor a second delivery launches a second run."""
    queues.show_again()
    queues.send(reason="without an id of its own")
    assert len(daemon.tick(deploy_requests_sensor)) == 1
    daemon.cursors.clear()
    assert daemon.tick(deploy_requests_sensor) == []
    assert queues.left() == 0


def test_request_without_run_is_served_at_next_delivery(daemon: Daemon, queues: Queues) -> None:
    """A message whose run does not exist is served when SQS delivers it again."""
    queues.show_again()
    queues.send(id="lost")
    (run,) = daemon.tick(deploy_requests_sensor)
    daemon.instance.delete_run(run.run_id)
    assert len(daemon.tick(deploy_requests_sensor)) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no json", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"environment": "sandbox", "force": true}', "force: Extra inputs are not permitted"),
        ('{"only": ["network"]}', "environment: Field required"),
        ('{"environment": "acme-prod"}', "'acme-prod' does not have this queue; allowed: sandbox"),
        ('{"environment": "sandbox", "only": ["netwrok"]}', '(did you mean "network"?)'),
    ],
)
def test_bad_request_goes_to_dead_letter_queue(daemon: Daemon, queues: Queues, body: str, reason: str) -> None:
    """A bad message is moved with its reason, and does not hold up others."""
    queues.send(body)
    queues.send(id=f"good-{reason}")
    assert len(daemon.tick(deploy_requests_sensor)) == 1
    daemon.tick(deploy_requests_sensor)
    assert queues.left() == 0
    ((kept, why),) = queues.refused()
    assert kept == body
    assert reason in why


def test_environment_without_queue_does_not_hold_up_others(
    daemon: Daemon, queues: Queues, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environments without a queue, or with faults, are reported."""
    files.write("other", "sandbox", target_env="other")
    files.write("broken", "sandbox", target_env="broken", region=7)
    queues.send(id="beside")
    assert len(daemon.tick(deploy_requests_sensor)) == 1
    daemon.tick(deploy_requests_sensor)
    assert "other: " in daemon.said
    assert "broken: its requests stay in the queue: " in daemon.said


def test_slow_aws_costs_seconds_and_loses_no_request(
    daemon: Daemon, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick does not wait for AWS; the request is served later."""
    answer, receive = threading.Event(), sensor.receive_messages
    monkeypatch.setattr(sensor, "look_at_each", partial(look_at_each, seconds=0.2))
    monkeypatch.setattr(sensor, "receive_messages", lambda env: (answer.wait(60), receive(env))[1])
    queues.send(id="slow")
    for _ in range(2):
        assert daemon.tick(deploy_requests_sensor) == []
        assert "AWS has not answered within" in daemon.said
    answer.set()
    monkeypatch.setattr(sensor, "look_at_each", partial(look_at_each, seconds=60))
    assert len(daemon.tick(deploy_requests_sensor)) == 1


def test_sensor_names_stopped_sandbox_as_reason(
    daemon: Daemon, queues: Queues, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: StateDirectory
) -> None:
    """Where the sandbox does not run, the tick says so."""
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path))
    assert daemon.tick(deploy_requests_sensor) == []
    assert daemon.said == "sandbox: the sandbox is not running"
