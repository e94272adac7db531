"""Notifications on the embedded SNS, SQS and DynamoDB: each event once, and never a failed deploy."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders

from eks_assets.units.infrastructure.deploy_requests import deploy_requests
from eks_assets.units.infrastructure.notifications import notifications
from resources.aws.session import Aws
from resources.config.environment import Addon, Environment
from resources.config.names import queue_name
from resources.context import Context
from resources.notifications import drift_messages, messages, topic
from resources.notifications.messages import MESSAGE_BYTES, Notification
from resources.notifications.topic import send_notification, topic_arn
from tests.helpers.materialization import Materialize, failure

pytestmark = pytest.mark.sandbox

Received = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def received(materialize: Materialize, admin: Aws, context: Context) -> Iterator[Received]:
    """The topic's messages since the last look, from a queue that subscribed to it."""
    made = materialize(notifications)
    assert made.success, failure(made)
    sqs, sns = admin.client("sqs"), admin.client("sns")
    url = sqs.create_queue(QueueName=f"reader-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscribed = sns.subscribe(TopicArn=topic_arn(context), Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]

    def look() -> list[dict[str, Any]]:
        received_messages = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                received_messages.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received_messages

    yield look
    sns.unsubscribe(SubscriptionArn=subscribed)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def said(account: Environment) -> tuple[Context, list[str]]:
    """A context, and the lines of progress it was given."""
    lines: list[str] = []
    return Context.of(account, lines.append), lines


def success(env: Environment) -> Notification:
    """An event that nobody has heard of."""
    return messages.deploy_succeeded(env, uuid.uuid4().hex, 61, ["network: created"])


def every_kind(env: Environment) -> list[Notification]:
    digest, run = uuid.uuid4().hex * 2, uuid.uuid4().hex
    finding = {"id": run, "unit": "network", "layer": "stack", "object": run, "path": "Vpc", "kind": "changed"}
    return [
        messages.approval_needed(env, digest, run, ["network: update"], [f"eks-assets approve {env.name}"]),
        messages.request_approved(env, digest, ["alice"]),
        messages.request_rejected(env, digest, "bob", "not today"),
        messages.request_expired(env, digest, "2026-11-25 20:00 UTC"),
        messages.run_failed(env, run, "network", "the stack failed", "look at it"),
        messages.deploy_succeeded(env, run, 61, ["network: created"]),
        drift_messages.drift_found(env, [finding]),
        drift_messages.drift_resolved(env, since=run),
        drift_messages.drift_failed(env, run, run, "look at it", "2026-11-25"),
    ]


KINDS = ["needed", "approved", "rejected", "expired", "failed", "succeeded", "drift", "resolved", "drift failed"]


@pytest.mark.parametrize("number", range(9), ids=KINDS)
def test_each_kind_of_notification_is_sent_once(account: Environment, received: Received, number: int) -> None:
    """Two processes publish the same event at once, and a third later: one message goes out."""
    notification = every_kind(account)[number]
    start = Barrier(2)

    def tell(_: int) -> bool:
        context = Context.of(account)
        start.wait()
        return send_notification(context, notification)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(tell, range(2))) == [False, True]
    assert not send_notification(Context.of(account), notification)
    (message,) = received()
    assert message["Subject"] == notification.sendable_subject()
    assert message["Message"] == notification.sendable_message()
    assert message["MessageAttributes"]["kind"]["Value"] == notification.kind
    assert message["MessageAttributes"]["environment"]["Value"] == "sandbox"


def test_refused_notification_is_logged_and_sent_later(
    account: Environment, received: Received, said: tuple[Context, list[str]], admin: Aws
) -> None:
    """Where SNS refuses, the progress says so, and the next attempt sends the message."""
    context, lines = said
    topics, notification = admin.client("sns"), success(account)
    before = topics.get_topic_attributes(TopicArn=topic_arn(context))["Attributes"]["Policy"]
    refusal = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic_arn(context)}
    document = json.dumps({"Version": "2012-10-17", "Statement": [refusal]})
    topics.set_topic_attributes(TopicArn=topic_arn(context), AttributeName="Policy", AttributeValue=document)
    try:
        assert not send_notification(context, notification)
    finally:
        topics.set_topic_attributes(TopicArn=topic_arn(context), AttributeName="Policy", AttributeValue=before)
    assert "not authorized" in lines[-1]
    assert send_notification(context, notification)
    assert len(received()) == 1


def test_notification_waits_for_missing_topic(
    materialize: Materialize, said: tuple[Context, list[str]], admin: Aws
) -> None:
    """Without the topic nothing is sent and nothing recorded; once there is one, the message goes out."""
    context, lines = said
    assert materialize(notifications).success
    stacks, name = admin.client("cloudformation"), context.env.stack_name("notifications")
    stacks.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    notification = success(context.env)
    assert not send_notification(context, notification)
    assert "the topic demo-sandbox-eks-cluster-approval does not exist" in lines[-1]
    assert materialize(notifications).success
    assert send_notification(context, notification)
    assert not send_notification(context, notification)


def test_disabled_notifications_send_nothing(account: Environment, received: Received) -> None:
    """With the unit switched off nothing is sent, and the progress says why."""
    lines: list[str] = []
    addons = {**account.addons, "notifications": Addon(enabled=False)}
    context = Context.of(account.model_copy(update={"addons": addons}), lines.append)
    assert not send_notification(context, success(account))
    assert "switched off" in lines[0]
    assert received() == []


def test_notification_without_bootstrap_does_not_fail(account: Environment) -> None:
    """In an account without bootstrap nothing is sent, and nothing fails."""
    lines: list[str] = []
    context = Context(account.model_copy(update={"target_env": "unmade"}), Context.of(account).aws, lines.append)
    assert not send_notification(context, success(context.env))
    assert "not notified" in lines[0]


def busy(context: Context, times: int) -> None:
    """SNS answers 503 so many times."""
    left = iter(range(times))

    def answer(request: Any, **_: Any) -> Any:
        return None if next(left, None) is None else AWSResponse(request.url, 503, HTTPHeaders(), Silence())

    context.aws.session.events.register("before-send.sns.Publish", answer)


class Silence:
    """A body without a byte."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        return iter(())


def test_busy_sns_is_retried(account: Environment, received: Received) -> None:
    """Two answers 503 of SNS are retried, and the message goes out once."""
    context = Context.of(account)
    busy(context, 2)
    assert send_notification(context, success(account))
    assert len(received()) == 1


def test_sns_that_stays_busy_fails_nothing(received: Received, said: tuple[Context, list[str]]) -> None:
    """After too many answers 503 the progress says so, nothing fails, and a later attempt sends the message."""
    context, lines = said
    busy(context, 4)
    notification = success(context.env)
    assert not send_notification(context, notification)
    assert "503" in lines[-1]
    assert received() == []
    assert send_notification(context, notification)
    assert len(received()) == 1


def test_killed_sender_is_replaced_after_its_claim(
    account: Environment, received: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process killed while it sends blocks others only until its claim expires."""

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    patient, hasty = success(account), success(account)
    with monkeypatch.context() as dying:
        dying.setattr(topic, "_send", die)
        with pytest.raises(KeyboardInterrupt):
            send_notification(Context.of(account), patient)
        dying.setattr(topic, "CLAIM", dt.timedelta(seconds=-5))
        with pytest.raises(KeyboardInterrupt):
            send_notification(Context.of(account), hasty)
    said: list[str] = []
    assert not send_notification(Context.of(account, said.append), patient), "somebody may still be sending it"
    assert said == [f"not notified ({patient.subject}): somebody else is sending it just now"], "and may fail yet"
    assert send_notification(Context.of(account), hasty)
    (message,) = received()
    assert message["Message"] == hasty.sendable_message()


def test_longest_message_and_odd_subject_fit_sns(account: Environment, received: Received) -> None:
    """The longest summary is cut to SNS's limit, and odd characters of a subject are replaced."""
    summary = [f"{number} " + "ü" * 1000 for number in range(1000)]
    long = messages.approval_needed(account, uuid.uuid4().hex * 2, "réléase", summary, ["eks-assets approve"])
    odd = messages.run_failed(account, uuid.uuid4().hex, "ünit\n" * 60, "\x1b[31mno\x00", "look")
    assert send_notification(Context.of(account), long)
    assert send_notification(Context.of(account), odd)
    first, second = sorted(received(), key=lambda m: -len(m["Message"]))
    assert MESSAGE_BYTES - 5000 < len(first["Message"].encode()) <= MESSAGE_BYTES
    assert first["Message"].endswith("more lines; see eks-assets plan sandbox")
    assert second["Subject"].startswith("[sandbox] deploy failed: unit unit")
    assert len(second["Subject"]) < 100


def test_unreadable_deploy_request_goes_to_dead_letters(
    materialize: Materialize, account: Environment, admin: Aws
) -> None:
    """A message that is received three times and never deleted moves to the dead-letter queue."""
    made = materialize(deploy_requests)
    assert made.success, failure(made)
    sqs = admin.client("sqs")
    queue, dead = (sqs.get_queue_url(QueueName=queue_name(account) + end)["QueueUrl"] for end in ("", "-dlq"))
    sqs.send_message(QueueUrl=queue, MessageBody="no request")
    tries = [sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0).get("Messages") for _ in range(5)]
    assert [bool(messages) for messages in tries] == [True, True, True, False, False]
    (message,) = sqs.receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "no request"
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
