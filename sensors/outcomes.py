"""Notifies people how runs ended: that one failed, where and what to do; that a deploy is complete.

Not Dagster's run status sensors: those read a run once, and what could not be sent then would never be. This one reads
the runs of the last hour until each has its notification. It sees runs of the command line too, which belong to no code
location.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import NamedTuple

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.orchestration.destroy_job import DESTROY
from eks_assets.orchestration.drift_checks import DRIFT
from eks_assets.orchestration.run_tags import REPAIR_TAG, WAITING, outcome_of
from eks_assets.orchestration.upgrade_job import UPGRADE
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.field_types import Model
from resources.model.errors import ConfigError, PipelineError
from resources.notifications import drift_messages, messages
from resources.notifications.messages import Notification
from resources.notifications.topic import send_notification
from sensors.launching import DEPLOY, PARTITION, WHY
from sensors.polling import context_of, first_line, look_at_each, read_environments
from sensors.run_report import changes_of, failure_of

PATIENCE = dt.timedelta(hours=1)
AT_MOST = 100
# Whoever decides by hand sees how it ends; a removal sends its own, as its topic goes with it, and so does an upgrade.
QUIET_JOBS = ("approve", DESTROY, UPGRADE)


class Cursor(Model):
    """`since`: seconds since the epoch, when this sensor first ran; `runs`: those that people were notified of, with
    when they ended."""

    since: float
    runs: dict[str, float] = Field(default={})


@dg.sensor(
    name="outcomes",
    minimum_interval_seconds=10,
    # Safe to run from the start: it changes nothing, and it reports no run that ended before it began.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends a notification of each failed run and of each deploy that is complete.",
)
def outcomes_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One notification a run; what could not be sent within an hour is given up."""
    now = dt.datetime.now(dt.UTC).timestamp()
    before = _read_cursor(context.cursor, now)
    ended = [record for record in _ended(context.instance, before) if record.dagster_run.run_id not in before.runs]
    if not ended:
        return _result(f"no run has ended since {_time(before.since)}", before, now)
    try:
        environments, faults = read_environments(load_registry().by_name)
    except ConfigError as error:
        return _result(first_line(error), before, now)
    reported, lines = dict(before.runs), list[str]()
    news: dict[str, list[tuple[dg.RunRecord, Notification]]] = {}
    for record in ended:
        name = record.dagster_run.tags.get(PARTITION, "")
        env = environments.get(name)
        notification = notification_of(context.instance, env, record) if env else None
        if notification is not None:
            news.setdefault(name, []).append((record, notification))
        elif name in faults:
            lines.append(f"run {record.dagster_run.run_id[:8]} is reported once {name} can be read: {faults[name]}")
        else:
            reported[record.dagster_run.run_id] = record.end_time or now
    calls = {name: partial(_send, environments[name], unsent) for name, unsent in news.items()}
    for name, sent in look_at_each("outcomes", calls).items():
        if isinstance(sent, PipelineError):
            lines.append(f"{name}: {first_line(sent)}")
        else:
            reported |= dict.fromkeys(sent.runs, now)
            lines += [f"{name}: {fault}" for fault in sent.faults]
    return _result("\n".join(lines) or "nothing to report", Cursor(since=before.since, runs=reported), now)


def notification_of(instance: dg.DagsterInstance, env: Environment, record: dg.RunRecord) -> Notification | None:
    """The notification of a run that ended; None where people need none."""
    run = record.dagster_run
    if run.job_name in QUIET_JOBS:
        return None
    if run.job_name == DEPLOY and REPAIR_TAG in run.tags:
        return _repair_notification(instance, env, run)
    if run.status == dg.DagsterRunStatus.FAILURE:
        failed = failure_of(instance, run.run_id)
        if run.job_name == DRIFT:
            day = dt.datetime.fromtimestamp(record.end_time or 0.0, dt.UTC).date().isoformat()
            return drift_messages.drift_failed(env, run.run_id, failed.reason, failed.next_step, day)
        return messages.run_failed(env, run.run_id, failed.unit, failed.reason, failed.next_step)
    # A plan changes nothing, and what waits for approval is not complete.
    if run.job_name != DEPLOY or outcome_of(instance, run):
        return None
    seconds = (record.end_time or 0.0) - (record.start_time or record.end_time or 0.0)
    return messages.deploy_succeeded(env, run.run_id, seconds, changes_of(instance, run.run_id))


def _repair_notification(instance: dg.DagsterInstance, env: Environment, run: dg.DagsterRun) -> Notification | None:
    """Of a run that repaired what drifted; None where there was nothing left to repair."""
    what, changed = run.tags.get(WHY, ""), changes_of(instance, run.run_id)
    if run.status == dg.DagsterRunStatus.FAILURE:
        failed = failure_of(instance, run.run_id)
        return drift_messages.repair_failed(
            env, run.run_id, failed.unit, failed.reason, failed.next_step, what, changed
        )
    is_waiting = outcome_of(instance, run) == WAITING
    if not changed and not is_waiting:
        return None
    return drift_messages.drift_repaired(env, run.run_id, what, changed, is_waiting=is_waiting)


def _ended(instance: dg.DagsterInstance, before: Cursor) -> list[dg.RunRecord]:
    """The runs of the last hour that ended, since the sensor first ran, the first to end first."""
    start = max(dt.datetime.fromtimestamp(before.since, dt.UTC), dt.datetime.now(dt.UTC) - PATIENCE)
    statuses = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    records = instance.get_run_records(dg.RunsFilter(statuses=statuses, updated_after=start), limit=AT_MOST)
    return sorted(records, key=lambda record: record.end_time or 0.0)


class Sent(NamedTuple):
    """`runs`: the ids of those that need no other notification; `faults`: what went wrong, a line each."""

    runs: list[str]
    faults: list[str]


def _send(env: Environment, news: list[tuple[dg.RunRecord, Notification]]) -> Sent:
    """Send the notifications of runs of one environment."""
    sent = Sent([], [])
    for record, notification in news:
        faults: list[str] = []
        if send_notification(context_of(env, faults.append), notification) or not faults:
            sent.runs.append(record.dagster_run.run_id)
        sent.faults.extend(f"run {record.dagster_run.run_id[:8]}: {fault}" for fault in faults)
    return sent


def _read_cursor(cursor: str | None, now: float) -> Cursor:
    try:
        return Cursor.model_validate_json(cursor or "")
    except ValidationError:
        return Cursor(since=now)


def _result(reason: str, cursor: Cursor, now: float) -> dg.SensorResult:
    # What is too old to be read need not be remembered; twice the time, since a tag may touch a run later.
    recent = {run: at for run, at in cursor.runs.items() if at > now - 2 * PATIENCE.total_seconds()}
    kept = cursor.model_copy(update={"runs": recent})
    return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=kept.model_dump_json())


def _time(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M} UTC"
