"""Contract of the embedded AWS on what SNS and SQS do with messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.embedded_aws_server import Aws, refused, resource


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


def mails(folder: Path) -> list[dict[str, Any]]:
    file = folder / "state" / "mail.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_mail_is_kept_in_file_within_sns_limits(aws: Aws) -> None:
    """Mail to every subscriber is kept in a file; what SNS refuses is refused and not sent."""
    topic = aws.deploy(
        "mail",
        {
            "Topic": resource(
                "SNS::Topic", TopicName="news", Subscription=[{"Protocol": "email", "Endpoint": "ops@example.com"}]
            )
        },
    )["Topic"]
    sns = aws.client("sns")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="dev@example.com")
    sns.publish(TopicArn=topic, Subject="Approval needed", Message="line 1\nline 2 – é")
    sns.publish(TopicArn=topic, Message="x" * 262_144)
    first, second, *others = mails(aws.folder)
    assert (first["to"], second["to"], len(others)) == ("ops@example.com", "dev@example.com", 2)
    assert (first["topic"], first["subject"], first["message"]) == (topic, "Approval needed", "line 1\nline 2 – é")
    for bad in (
        {"Message": "x" * 262_145},
        {"Message": "m", "Subject": "s" * 101},
        {"Message": "m", "Subject": "é"},
        {"Message": "m", "Subject": "a\nb"},
        {"Message": ""},
    ):
        assert "InvalidParameter" in refused(sns.publish, TopicArn=topic, **bad)
    assert len(mails(aws.folder)) == 4, "a refused message was sent"


def test_message_received_too_often_goes_to_dead_letters(aws: Aws) -> None:
    """A message that is received more often than allowed moves to the dead-letter queue."""
    arn = {"Fn::GetAtt": ["Dead", "Arn"]}
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": 2}
    queues = aws.deploy(
        "queues",
        {
            "Dead": resource("SQS::Queue", QueueName="requests-dead"),
            "Queue": resource("SQS::Queue", QueueName="requests", VisibilityTimeout=0, RedrivePolicy=redrive),
        },
    )
    sqs = aws.client("sqs")
    sqs.send_message(QueueUrl=queues["Queue"], MessageBody="poison")
    bodies = [sqs.receive_message(QueueUrl=queues["Queue"]).get("Messages", []) for _ in range(3)]
    assert [len(messages) for messages in bodies] == [1, 1, 0]
    (dead,) = sqs.receive_message(QueueUrl=queues["Dead"])["Messages"]
    assert dead["Body"] == "poison"
