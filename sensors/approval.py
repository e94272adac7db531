"""Launches what was submitted for approval once enough people have granted it, and notifies them of their requests.

It only launches: the gate inside every unit reads the grants again (`eks_assets/engine/gate.py`), so nothing that this
sensor believes, or is made to believe, lets anything through. Expiry is judged by AWS's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.engine.approval_request import approval_notification, command_of, describe_state
from eks_assets.engine.gate import load_approved_plan
from eks_assets.orchestration.assets import RELEASE_PLAN
from eks_assets.plan.model import Plan
from eks_assets.units import load_registry
from resources.approval.record import ApprovalRecord
from resources.approval.rules import RequestState
from resources.config.environment import Approval, Environment
from resources.config.field_types import Model
from resources.context import Context
from resources.model.errors import ApprovalStale, NotFound, PipelineError
from resources.notifications import messages
from resources.notifications.messages import Notification
from resources.notifications.topic import send_notification
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
)
from sensors.polling import context_of, first_line, look_at_each

RELEASE = "eks-assets/release"
SENSOR = "approval sensor"
NOTIFYING_SECONDS = 3.0
# How often a run is launched again that could not even start, as when the code could not be loaded.
LAUNCHES = 3


class Cursor(Model):
    """`told`: the last status that people were notified of, by the id of a request."""

    told: dict[str, str] = Field(default={})


@dg.sensor(
    name="approval",
    job_name=DEPLOY,
    minimum_interval_seconds=5,
    # Safe to run from the start: it starts what people have approved, and the gate decides again.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Carries out what was approved, and notifies approvers.",
)
@reads_environments
def approval_sensor(context: dg.SensorEvaluationContext, environments: Environments) -> dg.SensorResult:
    """At most one launch a request; a run that fails is launched again by people, as long as the grant holds."""
    gated = {name: env for name, env in environments.usable.items() if env.approval is not None}
    lines = environments.report_faults("its approval requests wait")
    requests: list[dg.RunRequest] = []
    answered: dict[str, ApprovalRecord] = {}
    records = look_at_each("approval requests", {name: partial(read_record, env) for name, env in gated.items()})
    for name, answer in records.items():
        if isinstance(answer, PipelineError):
            lines.append(f"{name}: {first_line(answer)}")
            continue
        answered[name], approved = answer
        request, reason = decide_launch(context.instance, gated[name], answered[name], approved)
        lines.append(f"{name}: {reason}")
        requests += [request] if request else []
    notified = _notify(gated, answered, _read_cursor(context.cursor), lines)
    if not gated:
        lines.append("no environment has an approval gate")
    return tick_result(context, requests, lines, Cursor(told=notified))


def read_record(env: Environment) -> tuple[ApprovalRecord, Plan | None]:
    """The approval record of an environment with a gate, and the plan that was granted, where it can be read;
    rejections in it are kept. Raises NotFound where it has not been bootstrapped, AccessDenied, Transient."""
    record = ApprovalRecord.read(context_of(env), env.approval or Approval())
    record.record_rejections()
    if record.grant is None:
        return record, None
    with suppress(ApprovalStale, NotFound):  # the gate says so, too
        return record, load_approved_plan(record.context, record.grant.request.digest)
    return record, None


def decide_launch(
    instance: dg.DagsterInstance, env: Environment, record: ApprovalRecord, approved: Plan | None = None
) -> tuple[dg.RunRequest | None, str]:
    """The run that carries out what was granted, if there is something to start, and why or why not. `approved`: the
    plan that was granted."""
    grant = record.grant
    if grant is None:
        newest = record.states[-1] if record.states else None
        approvers = (env.approval or Approval()).approvers
        return None, describe_state(newest, approvers) if newest else "nothing was submitted for approval"
    short, request_id = grant.request.digest[:19], grant.request.id
    if approved is not None and approved.kind != "deploy":
        return None, f"{short} is approved; a person carries it out with: {command_of(approved, env)}"
    selection = [RELEASE_PLAN, *_units_of(env, approved.units if approved else ())]
    runs = launches_for(instance, approval_sensor.name, env.name, request_id, {RELEASE: request_id})
    started = next((run for run in runs if not _never_began(instance, run)), None)
    if started is not None:
        status = started.status.value.lower()
        return None, f"{short} is approved; run {started.run_id[:8]} was launched for it ({status})"
    if record.uses_of(grant.request):
        return (
            None,
            f"{short} is approved, and a run has begun to carry it out; continue with: eks-assets deploy {env.name}",
        )
    if len(runs) >= LAUNCHES:
        return (
            None,
            f"{short} is approved, but {len(runs)} runs could not be started; try: eks-assets deploy {env.name}",
        )
    tags = {RELEASE: request_id, FROM: SENSOR, WHY: f"{short} was approved by {', '.join(grant.approvers)}"}
    return deploy_run(env, free_key(instance, request_id), tags, selection), f"{short} is approved"


def _units_of(env: Environment, approved: Collection[str]) -> list[str]:
    """What a run that carries out a plan can change: what lies behind the gate, and what the plan changes before it,
    with what depends on that."""
    registry = load_registry()
    gated = registry.gated(env)
    early = registry.descendants(name for name in approved if name in registry.by_name and name not in gated)
    return [unit.name for unit in registry.units if unit.name in gated or unit.name in early]


def _never_began(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if run.status != dg.DagsterRunStatus.FAILURE:
        return False
    record = instance.get_run_record_by_id(run.run_id)
    return record is not None and record.start_time is None


def _notify(
    gated: Mapping[str, Environment],
    answered: Mapping[str, ApprovalRecord],
    before: Mapping[str, str],
    lines: list[str],
) -> dict[str, str]:
    """Notify people of every status that they have not been notified of, and return all that they have been; of
    environments that did not answer, what stood in the cursor `before`."""
    news: dict[str, Callable[[], dict[str, str]]] = {}
    kept: dict[str, str] = {} if len(answered) == len(gated) else dict(before)
    for name, record in answered.items():
        new = [s for s in record.states if before.get(s.request.id) != s.status]
        kept |= {s.request.id: s.status for s in record.states if s not in new}
        if new:
            news[name] = partial(notify_approvers, gated[name], new, lines.append)
    for sent in look_at_each("notifications", news, NOTIFYING_SECONDS).values():
        kept |= sent if isinstance(sent, dict) else {}
    return kept


def notify_approvers(env: Environment, new: list[RequestState], say: Callable[[str], None]) -> dict[str, str]:
    """Send the notification of each request's status; returns those that need not be sent again, by request."""
    sent: dict[str, str] = {}
    for state in new:
        faults: list[str] = []
        env_context = context_of(env, faults.append)
        notification = notification_of(env_context, state)
        # Another process may have sent it before us: then there is nothing to send.
        if notification is None or send_notification(env_context, notification) or not faults:
            sent[state.request.id] = state.status
        for fault in faults:
            say(f"{env.name}: {fault}")
    return sent


def notification_of(env_context: Context, state: RequestState) -> Notification | None:
    """The notification of the status of a request; None for a status that people need not know.

    Raises ApprovalStale where the ledger's plan was changed."""
    env, request = env_context.env, state.request
    digest, request_id = request.digest, request.id
    if state.status == "waiting":
        return approval_notification(env, state, load_approved_plan(env_context, digest))
    if state.status == "granted":
        removal = ""
        with suppress(PipelineError):  # the gate says so, too
            plan = load_approved_plan(env_context, digest)
            removal = command_of(plan, env) if plan.kind != "deploy" else ""
        return messages.request_approved(env, digest, state.approvers, request_id=request_id, removal=removal)
    if state.status == "rejected":
        return messages.request_rejected(env, digest, state.by, state.reason, request_id=request_id)
    if state.status == "expired":
        return messages.request_expired(env, digest, f"{state.until:%Y-%m-%d %H:%M} UTC", request_id=request_id)
    return None


def _read_cursor(cursor: str | None) -> dict[str, str]:
    try:
        return Cursor.model_validate_json(cursor or "").told
    except ValidationError:
        return {}
