"""CI systems ask for a deploy in an SQS queue; docs/sensors.md has the message.

A message is deleted once the run that it asked for exists, so it is served at least once; the run's key makes that
once. One that nobody can serve goes to the dead-letter queue, with the reason, and holds nobody up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.orchestration.run_tags import SENDER_TAG
from eks_assets.units import load_registry
from resources.approval.record import check_gate
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.config.field_types import Model
from resources.config.names import queue_name
from resources.config.problems import suggest_choices
from resources.model.display import escape_line
from resources.model.errors import ConfigError, NotFound, PipelineError
from sensors.launching import (
    DEPLOY,
    FROM,
    WHY,
    Environments,
    deploy_run,
    free_key,
    launches_for,
    reads_environments,
    tick_result,
    with_plan,
)
from sensors.polling import context_of, first_line, look_at_each

UNIT = "deploy_requests"
REQUEST, SENDER = "eks-assets/request", SENDER_TAG
SENSOR = "deploy requests"
AT_A_TIME = 10
REASON_LENGTH = 1000


class DeployRequest(Model):
    """What a message says. `only`: units, none for all; `id`: the same for a request that is sent again (default: SQS's
    own message id); `reason`: words for people."""

    environment: str
    only: tuple[str, ...] = ()
    id: str | None = Field(default=None, min_length=1, max_length=100)
    reason: str = Field(default="", max_length=500)


class Received(Model):
    """A message as it was received, while the run that it asks for is on its way. `selection`:
    written by older versions."""

    environment: str
    key: str
    url: str
    receipt: str
    selection: tuple[str, ...] = ()


class Cursor(Model):
    """The cursor. `messages`: to be deleted once their runs exist."""

    messages: tuple[Received, ...] = ()


@dataclass(frozen=True)
class Message:
    """One message of a queue. `sender`: AWS's id of the identity that sent it."""

    id: str
    body: str
    url: str
    receipt: str
    sender: str


@dg.sensor(
    name="deploy_requests",
    job_name=DEPLOY,
    minimum_interval_seconds=10,
    # Safe to run from the start: it does what somebody asks for whom AWS lets send to the queue.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Deploys what CI systems ask for in the SQS queue <prefix>-deploy-requests; see docs/sensors.md.",
)
@reads_environments
def deploy_requests_sensor(context: dg.SensorEvaluationContext, environments: Environments) -> dg.SensorResult:
    """Every queue is read at the same time, so that an AWS that does not answer holds up no other environment."""
    lines = environments.report_faults("its requests stay in the queue")
    wanted = {name: env for name, env in environments.usable.items() if env.addon(UNIT).enabled}
    calls = {name: partial(receive_if_anchored, env) for name, env in wanted.items()}
    work = _Work(context.instance, wanted)
    work.settle_earlier(_read_cursor(context.cursor))
    for name, messages in look_at_each("deploy requests", calls).items():
        if isinstance(messages, PipelineError):
            lines.append(f"{name}: {first_line(messages)}")
            continue
        lines.append(f"{name}: {len(messages) or 'no'} requests in {queue_name(wanted[name])}")
        for message in messages:
            lines += work.take(wanted[name], message)
    for name, failed in look_at_each("deploy requests done", work.settling()).items():
        if isinstance(failed, PipelineError):
            lines.append(f"{name}: {first_line(failed)}; SQS delivers the message again")
    return tick_result(context, list(work.requests.values()), lines, Cursor(messages=tuple(work.open)))


class _Work:
    """What one tick does with the messages. `requests`: by run key; `open`: what the next tick has to delete."""

    def __init__(self, instance: dg.DagsterInstance, environments: Mapping[str, Environment]) -> None:
        self._instance, self._environments = instance, environments
        self.requests: dict[str, dg.RunRequest] = {}
        self.open: list[Received] = []
        self._done: dict[str, list[tuple[str, str]]] = {}
        self._refused: dict[str, list[tuple[Message, str]]] = {}

    def take(self, env: Environment, message: Message) -> list[str]:
        """Serve one message; returns the lines that report it."""
        try:
            asked = parse_request(env, message)
        except ConfigError as error:
            self._refused.setdefault(env.name, []).append((message, error.message))
            return [f"{env.name}: message {message.id} goes to the dead-letter queue: {error.message}"]
        key = f"{env.name}/{asked.id or message.id}"
        received = Received(environment=env.name, key=key, url=message.url, receipt=message.receipt)
        if self._exists(received):
            self._done.setdefault(env.name, []).append((message.url, message.receipt))
            return [f"{env.name}: request {key} already has its run"]
        tags = {FROM: SENSOR, WHY: asked.reason or "a request in the queue", REQUEST: key, SENDER: message.sender}
        selection = with_plan(env, asked.only)
        self.requests[key] = deploy_run(env, free_key(self._instance, key), tags, selection)
        self.open.append(received)
        return []

    def settle_earlier(self, earlier: Sequence[Received]) -> None:
        """Messages of earlier ticks: those whose run exists by now can be deleted. SQS delivers the others again."""
        for one in earlier:
            if self._exists(one):
                self._done.setdefault(one.environment, []).append((one.url, one.receipt))

    def settling(self) -> dict[str, Callable[[], None]]:
        """What is left to do with the queues, by environment."""
        return {
            name: partial(settle_messages, env, self._done.get(name, []), self._refused.get(name, []))
            for name, env in self._environments.items()
            if name in self._done or name in self._refused
        }

    def _exists(self, one: Received) -> bool:
        sensor, tags = deploy_requests_sensor.name, {REQUEST: one.key}
        return bool(launches_for(self._instance, sensor, one.environment, one.key, tags))


def receive_if_anchored(env: Environment) -> list[Message]:
    """As `receive_messages`. Raises GateNotAnchored where the file asks for less than the anchored gate: the requests
    stay in the queue."""
    check_gate(context_of(env))
    return receive_messages(env)


def receive_messages(env: Environment) -> list[Message]:
    """The next messages of the environment's queue. Raises NotFound where there is none, AccessDenied, Transient."""
    sqs, name = context_of(env).aws.client("sqs"), queue_name(env)
    try:
        with aws_call(f"reading the queue {name}"):
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            received = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=AT_A_TIME, MessageSystemAttributeNames=["SenderId"]
            ).get("Messages", [])
    except NotFound as error:
        raise NotFound(f"there is no queue {name} yet; the unit {UNIT} creates it") from error
    return [
        Message(m["MessageId"], m["Body"], url, m["ReceiptHandle"], m.get("Attributes", {}).get("SenderId", "unknown"))
        for m in received
    ]


def parse_request(env: Environment, message: Message) -> DeployRequest:
    """What the message asks for. Raises ConfigError, saying why it cannot be served."""
    try:
        asked = DeployRequest.model_validate_json(message.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"{where + ': ' if where else ''}{first['msg']}") from None
    if asked.environment != env.name:
        raise ConfigError(f"environment: {asked.environment!r} does not have this queue; allowed: {env.name}")
    for unit in asked.only:
        if unit not in load_registry().by_name:
            raise ConfigError(f"only: {unit!r} is not a unit; {suggest_choices(unit, load_registry().by_name)}")
    return asked


def settle_messages(env: Environment, done: list[tuple[str, str]], refused: list[tuple[Message, str]]) -> None:
    """Delete what is done, and move what cannot be served to the dead-letter queue. Raises PipelineError where AWS does
    not let us; the message then comes again."""
    sqs = context_of(env).aws.client("sqs")
    with aws_call(f"answering in the queue {queue_name(env)}"):
        for message, why in refused:
            dead = sqs.get_queue_url(QueueName=f"{queue_name(env)}-dlq")["QueueUrl"]
            attributes = {
                "reason": escape_line(why)[:REASON_LENGTH],
                "sender": message.sender,
                "message_id": message.id,
            }
            sqs.send_message(
                QueueUrl=dead,
                MessageBody=message.body,
                MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()},
            )
            sqs.delete_message(QueueUrl=message.url, ReceiptHandle=message.receipt)
        for url, receipt in done:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)


def _read_cursor(cursor: str | None) -> tuple[Received, ...]:
    try:
        return Cursor.model_validate_json(cursor or "").messages
    except ValidationError:
        return ()
