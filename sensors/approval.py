"""Launches what was put up for approval once enough people have granted it, and tells them how requests stand.

It only launches: the gate inside every unit looks at the grants again (`eks_assets/engine/gate.py`), so nothing that
this sensor believes, or is made to believe, lets anything through. How a request stands is judged by AWS's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.engine.approval_request import approval_notification, describe_state
from eks_assets.engine.gate import load_approved_plan
from eks_assets.orchestration.assets import RELEASE_PLAN
from eks_assets.units import registry
from resources.approval.record import ApprovalRecord
from resources.approval.rules import RequestState
from resources.config.environment import Approval, Environment
from resources.config.field_types import Model
from resources.context import Context
from resources.model.errors import ConfigError, PipelineError
from resources.notifications import messages as events
from resources.notifications.messages import Notification
from resources.notifications.topic import publish
from sensors.launching import DEPLOY, FROM, WHY, deploy_run, runs_with, tick
from sensors.looks import context_of, first_line, look_at_each, read_environments

RELEASE = "eks-assets/release"
SENSOR = "approval sensor"
TELLING_SECONDS = 3.0
# Runs that could not even be started, as when the code could not be loaded, are started again so often.
LAUNCHES = 3


class Told(Model):
    """The cursor, by the id of a request: the status that people have been told."""

    told: dict[str, str] = Field(default={})


@dg.sensor(
    name="approval",
    job_name=DEPLOY,
    minimum_interval_seconds=5,
    # Safe to run from the start: it starts what people have approved, and the gate decides again.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Carries out what was approved, and tells approvers what they have to know.",
)
def approval_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """At most one launch a request; a run that fails is launched again by people, as long as the grant holds."""
    try:
        environments, faults = read_environments(registry().by_name)
    except ConfigError as error:
        return dg.SkipReason(first_line(error))
    gated = {name: env for name, env in environments.items() if env.approval is not None}
    said = [f"{name}: its approval requests wait: {fault}" for name, fault in faults.items()]
    requests: list[dg.RunRequest] = []
    known: dict[str, ApprovalRecord] = {}
    looks = look_at_each("approval requests", {name: partial(read_record, env) for name, env in gated.items()})
    for name, found in looks.items():
        if isinstance(found, PipelineError):
            said.append(f"{name}: {first_line(found)}")
            continue
        known[name] = found
        request, words = decide(context.instance, gated[name], found)
        said.append(f"{name}: {words}")
        requests += [request] if request else []
    told = _tell(gated, known, _told(context.cursor), said)
    if not gated:
        said.append("no environment has an approval gate")
    return tick(context, requests, said, Told(told=told))


def read_record(env: Environment) -> ApprovalRecord:
    """The approval record of an environment with a gate; rejections in it are kept. Raises NotFound where it has not
    been bootstrapped, AccessDenied, Transient."""
    record = ApprovalRecord.read(context_of(env), env.approval or Approval())
    record.record_rejections()
    return record


def decide(instance: dg.DagsterInstance, env: Environment, record: ApprovalRecord) -> tuple[dg.RunRequest | None, str]:
    """The run that carries out what was granted, if there is something to start, and why or why not."""
    grant = record.grant
    if grant is None:
        newest = record.states[-1] if record.states else None
        approvers = (env.approval or Approval()).approvers
        return None, describe_state(newest, approvers) if newest else "nothing has been put up for approval"
    short, request_id = grant.request.digest[:19], grant.request.id
    runs = runs_with(instance, {RELEASE: request_id})
    started = next((run for run in runs if not _never_began(instance, run)), None)
    if started is not None:
        status = started.status.value.lower()
        return None, f"{short} is approved; run {started.run_id[:8]} was launched for it ({status})"
    if record.uses_of(grant.request):
        return None, f"{short} is approved, and a run has begun to carry it out; eks-assets deploy {env.name} goes on"
    if len(runs) >= LAUNCHES:
        return None, f"{short} is approved, but {len(runs)} runs could not be started; eks-assets deploy {env.name}"
    tags = {RELEASE: request_id, FROM: SENSOR, WHY: f"{short} was approved by {', '.join(grant.approvers)}"}
    key = request_id if not runs else f"{request_id}/{len(runs) + 1}"
    selection = [RELEASE_PLAN, *registry().gated(env)]
    return deploy_run(env, key, tags, selection), f"{short} is approved"


def _never_began(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if run.status != dg.DagsterRunStatus.FAILURE:
        return False
    record = instance.get_run_record_by_id(run.run_id)
    return record is not None and record.start_time is None


def _tell(
    gated: Mapping[str, Environment], known: Mapping[str, ApprovalRecord], told: Mapping[str, str], said: list[str]
) -> dict[str, str]:
    """Send what has not been told, and return what has; of environments that did not answer, what was told before."""
    news: dict[str, Callable[[], dict[str, str]]] = {}
    kept: dict[str, str] = {} if len(known) == len(gated) else dict(told)
    for name, record in known.items():
        new = [s for s in record.states if told.get(s.request.id) != s.status]
        kept |= {s.request.id: s.status for s in record.states if s not in new}
        if new:
            news[name] = partial(tell, gated[name], new, said.append)
    for found in look_at_each("notifications", news, TELLING_SECONDS).values():
        kept |= found if isinstance(found, dict) else {}
    return kept


def tell(env: Environment, new: list[RequestState], say: Callable[[str], None]) -> dict[str, str]:
    """Send the notification of each request's status; returns those that need not be sent again, by request."""
    told: dict[str, str] = {}
    for state in new:
        faults: list[str] = []
        env_context = context_of(env, faults.append)
        notification = notification_of(env_context, state)
        # Whoever noticed it before us may have told people: then there is nothing to say.
        if notification is None or publish(env_context, notification) or not faults:
            told[state.request.id] = state.status
        for fault in faults:
            say(f"{env.name}: {fault}")
    return told


def notification_of(env_context: Context, state: RequestState) -> Notification | None:
    """What people have to know of a request as it stands; None where there is nothing new in that.

    Raises ApprovalStale where the ledger's plan was changed."""
    env, request = env_context.env, state.request
    digest, release = request.digest, request.id
    if state.status == "waiting":
        return approval_notification(env, request, load_approved_plan(env_context, digest))
    if state.status == "granted":
        return events.approved(env, digest, state.approvers, release=release)
    if state.status == "rejected":
        return events.rejected(env, digest, state.by, state.reason, release=release)
    if state.status == "expired":
        return events.expired(env, digest, f"{state.until:%Y-%m-%d %H:%M} UTC", release=release)
    return None


def _told(cursor: str | None) -> dict[str, str]:
    try:
        return Told.model_validate_json(cursor or "").told
    except ValidationError:
        return {}
