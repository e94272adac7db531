"""A release goes on by itself once people have granted it: once, and people are told what they need to know."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from eks_assets.units import load_registry
from eks_assets.units.infrastructure.notifications import notifications
from resources.approval import record, store
from resources.approval.decisions import write_decision
from resources.approval.rules import ApprovalRequest
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.notifications import topic
from resources.notifications.topic import topic_arn
from resources.records import clock
from resources.records.clock import server_time
from sensors import approval
from sensors.approval import RELEASE, approval_sensor
from sensors.polling import look_at_each
from tests.helpers.gate import USERS, Gate
from tests.helpers.plans import change, field, report
from tests.sensors.conftest import Daemon, Files, Materialize

pytestmark = pytest.mark.sandbox
STARTED, FAILURE, SUCCESS = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
Told = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def own_topic(account: Environment, files: Files, materialize: Materialize) -> None:
    """The topic, made while the environment has no gate: it is of those that change reach."""
    materialize(notifications)


@pytest.fixture
def gated(
    own_topic: None, account: Environment, files: Files, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Environment]:
    """The environment `sandbox` with a gate, and no release of another test that could matter. On a busy machine AWS
    may take its time."""
    monkeypatch.setattr(approval, "look_at_each", lambda kind, calls, seconds=0: look_at_each(kind, calls, 60))
    files.keep("sandbox")
    gate = {"before": "applications", "approvers": 2, "expires": "30m", "allow": [f"{USERS}*"]}
    files.write("sandbox", approval=gate)
    env = load_environment("sandbox")
    yield env
    for asked in store.list_requests(Context.of(env), 48):
        store.record_use(Context.of(env), asked, store.ALL_UNITS, "done")


@pytest.fixture
def told(admin: Aws, account: Environment, daemon: Daemon, gated: Environment) -> Iterator[Told]:
    """Kind and text of what the topic has sent since the last look."""
    # What other tests left in the account, a rejection for instance, is said before anybody listens.
    daemon.tick(approval_sensor)
    daemon.cursors.clear()
    sqs, sns, arn = admin.client("sqs"), admin.client("sns"), topic_arn(Context.of(account))
    url = sqs.create_queue(QueueName=f"reader-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, "Resource": queue}]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscribed = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)

    def look() -> list[tuple[str, str]]:
        received: list[tuple[str, str]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sent: dict[str, Any] = json.loads(message["Body"])
                received.append((sent["MessageAttributes"]["kind"]["Value"], sent["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received

    yield look
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


def ask(env: Environment) -> ApprovalRequest:
    """A request that waits for approval; its plan changes one field of one unit."""
    changed = change("argo_cd", field("values.replicas", "s3cret", 3), wave="applications", reason=uuid.uuid4().hex)
    context = Context.of(env)
    digest = store.publish_plan(context, report(changed, environment=env.name).document())
    return store.create_request(context, digest, "arn:aws:iam::000000000000:user/initiator", [])


def decide(env: Environment, request: ApprovalRequest, *people: str, verdict: Any = "approve") -> None:
    for person in people:
        write_decision(Gate(env, "").as_person(person), request, verdict, f"{person} says so")


def test_approval_sensor_launches_gated_units_after_last_vote(daemon: Daemon, gated: Environment) -> None:
    """The last missing approval launches one run of what is behind the gate."""
    request = ask(gated)
    assert daemon.tick(approval_sensor) == []
    assert f"{request.digest[:19]} is waiting for approval: 0 of 2" in daemon.said
    decide(gated, request, "alice")
    assert daemon.tick(approval_sensor) == []
    assert "1 of 2 (alice)" in daemon.said
    decide(gated, request, "bob")
    (run,) = daemon.tick(approval_sensor)
    assert run.tags["dagster/partition"] == "sandbox"
    assert run.tags[RELEASE] == request.id
    assert "was approved by alice, bob" in run.tags["eks-assets/why"]
    names = {key.to_user_string() for key in run.asset_selection or ()}
    assert names == {"release_plan", *load_registry().gated(gated)}
    assert daemon.tick(approval_sensor) == []
    assert f"run {run.run_id[:8]} was launched for it" in daemon.said


def granted(env: Environment) -> ApprovalRequest:
    request = ask(env)
    decide(env, request, "alice", "bob")
    return request


def test_approval_sensor_without_cursor_launches_nothing_twice(daemon: Daemon, gated: Environment) -> None:
    """Neither a lost cursor nor a second daemon launches a second run."""
    granted(gated)
    assert len(daemon.tick(approval_sensor)) == 1
    daemon.cursors.clear()
    assert daemon.tick(approval_sensor) == []
    assert Daemon(daemon.instance).tick(approval_sensor) == []


def test_approval_sensor_does_not_relaunch_used_request(daemon: Daemon, gated: Environment) -> None:
    """A request that a run has begun to carry out is not launched again if that run is deleted."""
    request = granted(gated)
    (run,) = daemon.tick(approval_sensor)
    store.record_use(Context.of(gated), request, "argo_cd", "started")
    daemon.instance.delete_run(run.run_id)
    daemon.cursors.clear()
    assert daemon.tick(approval_sensor) == []
    assert "a run has begun to carry it out" in daemon.said


def test_approval_sensor_leaves_failed_run_to_people(daemon: Daemon, gated: Environment) -> None:
    """A run that failed is not repeated by the sensor."""
    granted(gated)
    (run,) = daemon.tick(approval_sensor)
    daemon.set(run, STARTED)
    daemon.set(run, FAILURE)
    assert daemon.tick(approval_sensor) == []
    assert "(failure)" in daemon.said


def test_approval_sensor_retries_run_that_never_started(daemon: Daemon, gated: Environment) -> None:
    """A run that could not be started is launched again, three times at most."""
    granted(gated)
    for _ in range(3):
        (run,) = daemon.tick(approval_sensor)
        daemon.set(run, FAILURE)
    assert daemon.tick(approval_sensor) == []
    assert "3 runs could not be started" in daemon.said


def test_approval_sensor_launches_nothing_after_rejection(daemon: Daemon, gated: Environment, told: Told) -> None:
    """A rejected request launches nothing, and people are notified once."""
    request = granted(gated)
    decide(gated, request, "alice", verdict="reject")
    assert daemon.tick(approval_sensor) == []
    assert "was rejected by alice: alice says so" in daemon.said
    ((kind, text),) = told()
    assert kind == "rejected"
    assert "alice says so" in text


def test_approval_sensor_notifies_once_despite_restarts(daemon: Daemon, gated: Environment, told: Told) -> None:
    """Each event is one notification, without secret values, also after a lost cursor."""
    request = ask(gated)
    daemon.tick(approval_sensor)
    ((kind, text),) = told()
    assert kind == "approval_needed"
    assert "update argo_cd (applications): values.replicas" in text
    assert "s3cret" not in text
    assert f"eks-assets approve sandbox --digest {request.digest.removeprefix('sha256:')[:12]}" in text
    decide(gated, request, "alice", "bob")
    for _ in range(3):
        daemon.cursors.clear()
        daemon.tick(approval_sensor)
    assert [kind for kind, _ in told()] == ["approved"]


def test_approval_sensor_reports_expiry_and_launches_nothing(
    daemon: Daemon, gated: Environment, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expired request launches nothing, and people are notified."""
    granted(gated)
    later = server_time(Context.of(gated)) + dt.timedelta(minutes=45)
    for module in (record, store):
        monkeypatch.setattr(module, "server_time", lambda context: later)
    assert daemon.tick(approval_sensor) == []
    assert "expired" in daemon.said
    assert [kind for kind, _ in told()] == ["expired"]
    assert clock.server_time(Context.of(gated)) < later


def test_approval_sensor_resends_failed_notification(
    daemon: Daemon, gated: Environment, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notification that could not be sent is sent by a later tick."""
    ask(gated)
    with monkeypatch.context() as patch:
        patch.setattr(topic, "topic_arn", lambda context: topic_arn(context) + "-none")
        daemon.tick(approval_sensor)
        assert "not notified" in daemon.said
    assert told() == []
    daemon.tick(approval_sensor)
    assert [kind for kind, _ in told()] == ["approval_needed"]


def test_approval_sensor_skips_environment_without_bootstrap(daemon: Daemon, gated: Environment, files: Files) -> None:
    """An environment that was never bootstrapped does not hold up others."""
    files.write("other", "sandbox", target_env="other")
    granted(gated)
    (run,) = daemon.tick(approval_sensor)
    assert run.tags["dagster/partition"] == "sandbox"
    daemon.tick(approval_sensor)
    assert "other: " in daemon.said
