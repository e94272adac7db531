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
from tests.helpers.gate import Gate
from tests.helpers.plans import change, field, report
from tests.sensors.conftest import Daemon, Files, Materialize

pytestmark = pytest.mark.sandbox
STARTED, FAILURE, SUCCESS = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
Told = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def gated(account: Environment, files: Files, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """The environment `sandbox` with a gate, and no release of another test that could matter. On a busy machine AWS
    may take its time."""
    monkeypatch.setattr(approval, "look_at_each", lambda kind, calls, seconds=0: look_at_each(kind, calls, 60))
    files.keep("sandbox")
    files.write("sandbox", approval={"before": "applications", "approvers": 2, "expires": "30m"})
    env = load_environment("sandbox")
    yield env
    for asked in store.list_requests(Context.of(env), 48):
        store.record_use(Context.of(env), asked, record.ALL_UNITS, "done")


@pytest.fixture
def told(
    materialize: Materialize, admin: Aws, account: Environment, daemon: Daemon, gated: Environment
) -> Iterator[Told]:
    """Kind and text of what the topic has sent since the last look."""
    materialize(notifications)
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
        found: list[tuple[str, str]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sent: dict[str, Any] = json.loads(message["Body"])
                found.append((sent["MessageAttributes"]["kind"]["Value"], sent["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

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


def test_the_last_grant_launches_what_lies_behind_the_gate(daemon: Daemon, gated: Environment) -> None:
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


def test_a_lost_cursor_or_a_second_daemon_launches_nothing_again(daemon: Daemon, gated: Environment) -> None:
    granted(gated)
    assert len(daemon.tick(approval_sensor)) == 1
    daemon.cursors.clear()
    assert daemon.tick(approval_sensor) == []
    assert Daemon(daemon.instance).tick(approval_sensor) == []


def test_a_deleted_run_launches_nothing_again_once_the_grant_has_been_used(daemon: Daemon, gated: Environment) -> None:
    request = granted(gated)
    (run,) = daemon.tick(approval_sensor)
    store.record_use(Context.of(gated), request, "argo_cd", "started")
    daemon.instance.delete_run(run.run_id)
    daemon.cursors.clear()
    assert daemon.tick(approval_sensor) == []
    assert "a run has begun to carry it out" in daemon.said


def test_a_release_whose_run_failed_is_left_to_people(daemon: Daemon, gated: Environment) -> None:
    granted(gated)
    (run,) = daemon.tick(approval_sensor)
    daemon.set(run, STARTED)
    daemon.set(run, FAILURE)
    assert daemon.tick(approval_sensor) == []
    assert "(failure)" in daemon.said


def test_a_run_that_could_not_be_started_is_launched_anew_a_few_times(daemon: Daemon, gated: Environment) -> None:
    granted(gated)
    for _ in range(3):
        (run,) = daemon.tick(approval_sensor)
        daemon.set(run, FAILURE)
    assert daemon.tick(approval_sensor) == []
    assert "3 runs could not be started" in daemon.said


def test_a_rejection_launches_nothing(daemon: Daemon, gated: Environment, told: Told) -> None:
    request = granted(gated)
    decide(gated, request, "alice", verdict="reject")
    assert daemon.tick(approval_sensor) == []
    assert "was rejected by alice: alice says so" in daemon.said
    ((kind, text),) = told()
    assert kind == "rejected"
    assert "alice says so" in text


def test_people_are_told_once_whatever_restarts(daemon: Daemon, gated: Environment, told: Told) -> None:
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


def test_expiry_is_said_and_launches_nothing(
    daemon: Daemon, gated: Environment, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted(gated)
    later = server_time(Context.of(gated)) + dt.timedelta(minutes=45)
    for module in (record, store):
        monkeypatch.setattr(module, "server_time", lambda context: later)
    assert daemon.tick(approval_sensor) == []
    assert "expired" in daemon.said
    assert [kind for kind, _ in told()] == ["expired"]
    assert clock.server_time(Context.of(gated)) < later


def test_what_could_not_be_sent_is_sent_later(
    daemon: Daemon, gated: Environment, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(gated)
    with monkeypatch.context() as patch:
        patch.setattr(topic, "topic_arn", lambda context: topic_arn(context) + "-none")
        daemon.tick(approval_sensor)
        assert "not notified" in daemon.said
    assert told() == []
    daemon.tick(approval_sensor)
    assert [kind for kind, _ in told()] == ["approval_needed"]


def test_an_environment_that_was_never_bootstrapped_holds_up_no_other(
    daemon: Daemon, gated: Environment, files: Files
) -> None:
    files.write("other", "sandbox", target_env="other")
    granted(gated)
    (run,) = daemon.tick(approval_sensor)
    assert run.tags["dagster/partition"] == "sandbox"
    daemon.tick(approval_sensor)
    assert "other: " in daemon.said
