"""Sends notifications to the environment's SNS topic, each once, and never fails whoever has something to tell.

What was sent stands in the table of leases, a row an event: `sending` while somebody tries, at most a minute, then
`sent`. Two can therefore send the same event only where one dies, or loses AWS's answer, between publishing and noting
that it did.
"""

from __future__ import annotations

import datetime as dt
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from resources.aws.errors import aws_call
from resources.config.names import lease_table, topic_name
from resources.context import Context
from resources.model.errors import NotFound, PipelineError
from resources.notifications.messages import Notification
from resources.records.clock import server_time
from resources.support.memory_cache import CacheKey

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

UNIT = "notifications"
CLAIM = dt.timedelta(minutes=1)
KEPT = dt.timedelta(days=90)
# The first try and three more, with the SDK's back-off of up to 1, 2 and 4 s: even the slowest ends before the claim.
_PATIENCE = Config(
    connect_timeout=3, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 4}, max_pool_connections=2
)
_SNS: CacheKey[Any] = CacheKey("SNS client for notifications")


def send_notification(context: Context, notification: Notification) -> bool:
    """Send it, and return whether it went out now: False where it did before, where somebody else is sending it,
    and where it cannot be sent. The last two are reported through `context.progress`, and retried by the next call.

    Needs a bootstrapped environment and the unit `notifications`; raises nothing that AWS may have caused."""
    if not context.env.addon(UNIT).enabled:
        context.progress(f"not notified ({notification.subject}): the unit {UNIT} is switched off")
        return False
    try:
        claim = _Claim(context, f"notification#{context.env.name}#{notification.event_id}")
        if not claim.taken():
            if claim.is_under_way():
                # It may fail yet, so this is not over.
                context.progress(f"not notified ({notification.subject}): somebody else is sending it just now")
            return False
        try:
            _send(context, notification)
        except PipelineError:
            claim.give_up()
            raise
    except PipelineError as error:
        context.progress(f"not notified ({notification.subject}): {error.message}; tried again with the next occasion")
        return False
    claim.settle()
    return True


def topic_arn(context: Context) -> str:
    """The ARN of the environment's topic, whether it exists or not."""
    env = context.env
    return f"arn:{env.partition}:sns:{env.region}:{env.account}:{topic_name(env)}"


def _send(context: Context, notification: Notification) -> None:
    attributes = {"environment": context.env.name, "kind": notification.kind}
    try:
        with aws_call(f"publishing to {topic_name(context.env)}"):
            _client(context).publish(
                TopicArn=topic_arn(context),
                Subject=notification.sendable_subject(),
                Message=notification.sendable_message(),
                # Subscribers may filter by them.
                MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()},
            )
    except NotFound as error:
        raise NotFound(f"the topic {topic_name(context.env)} does not exist; the unit {UNIT} makes it") from error


def _client(context: Context) -> SNSClient:
    def make() -> SNSClient:
        return context.aws.session.client("sns", endpoint_url=context.aws.source.endpoint, config=_PATIENCE)

    return context.cache.get(_SNS, make)


@dataclass(frozen=True)
class _Claim:
    """The row of one event. `owner` tells this try from a later one that found the row abandoned."""

    context: Context
    key: str
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    def taken(self) -> bool:
        """Whether the event is ours to send. Raises NotFound without a table, AccessDenied, Transient."""
        now = server_time(self.context)
        return self._write(
            "put_item",
            Item={**self._row("sending", now), "until": _number(now + CLAIM)},
            ConditionExpression="attribute_not_exists(environment) OR (#state = :sending AND #until < :now)",
            ExpressionAttributeNames={"#state": "state", "#until": "until"},
            ExpressionAttributeValues={":sending": {"S": "sending"}, ":now": _number(now)},
        )

    def is_under_way(self) -> bool:
        """Whether somebody who tries to send the event has not said how that ended. Raises as `taken` does."""
        client, table = self.context.aws.client("dynamodb"), lease_table(self.context.env)
        with aws_call(f"reading {self.key} in the table {table}"):
            key = {"environment": {"S": self.key}}
            row = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return row is None or row["state"]["S"] == "sending"

    def settle(self) -> None:
        """Note that the event was sent."""
        try:
            self._write("put_item", Item=self._row("sent", server_time(self.context)))
        except PipelineError as error:
            self.context.progress(
                f"{self.key} was sent, but that could not be noted: {error.message}; it may come twice"
            )

    def give_up(self) -> None:
        """Let the next call try at once; where this does not work either, the claim lapses by itself."""
        with suppress(PipelineError):
            self._write(
                "delete_item",
                Key={"environment": {"S": self.key}},
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": self.owner}},
            )

    def _row(self, state: str, now: dt.datetime) -> dict[str, Any]:
        row = {"environment": self.key, "state": state, "owner": self.owner}
        return {**{name: {"S": word} for name, word in row.items()}, "expires": _number(now + KEPT)}

    def _write(self, operation: str, **arguments: Any) -> bool:
        """Whether the condition held."""
        client, table = self.context.aws.client("dynamodb"), lease_table(self.context.env)
        with aws_call(f"noting {self.key} in the table {table}"):
            try:
                getattr(client, operation)(TableName=table, **arguments)
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True


def _number(time: dt.datetime) -> dict[str, str]:
    """Seconds since the epoch, as DynamoDB's time to live wants them."""
    return {"N": f"{time.timestamp():.0f}"}
