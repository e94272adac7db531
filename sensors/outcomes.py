"""Tells people how runs ended: that one failed, where and what to do; that a deploy is through.

Not Dagster's run status sensors: those look at a run once, and what could not be sent then would never be. This one
looks at the runs of the last hour until each has been told. It sees runs of the command line too, which belong to no
code location.
"""

from __future__ import annotations

import datetime as dt
from functools import partial

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.orchestration.run_tags import outcome_of
from eks_assets.units import registry
from resources.config.environment import Environment
from resources.config.field_types import Model
from resources.model.errors import ConfigError, PipelineError
from resources.notifications import messages as events
from resources.notifications.messages import Notification
from resources.notifications.topic import publish
from sensors.launching import DEPLOY, PARTITION
from sensors.looks import context_of, first_line, look_at_each, read_environments
from sensors.run_story import changes_of, failure_of

PATIENCE = dt.timedelta(hours=1)
AT_MOST = 100
QUIET_JOBS = ("approve",)  # Whoever launched it by hand sees how it ends.


class Told(Model):
    """The cursor. `since`: seconds since the epoch, when this sensor first looked; `runs`: those that were told, with
    when they ended."""

    since: float
    runs: dict[str, float] = Field(default={})


@dg.sensor(
    name="outcomes",
    minimum_interval_seconds=10,
    # Safe to run from the start: it changes nothing, and runs that ended before it began are not told.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends a notification of each failed run and of each deploy that is through.",
)
def outcomes_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Each run is told once; one that could not be told within an hour is given up."""
    now = dt.datetime.now(dt.UTC).timestamp()
    before = _told(context.cursor, now)
    ended = [record for record in _ended(context.instance, before) if record.dagster_run.run_id not in before.runs]
    if not ended:
        return _result(f"no run has ended since {_time(before.since)}", before, now)
    try:
        environments, faults = read_environments(registry().by_name)
    except ConfigError as error:
        return _result(first_line(error), before, now)
    told, said, calls = dict(before.runs), list[str](), dict[str, list[tuple[dg.RunRecord, Notification]]]()
    for record in ended:
        name = record.dagster_run.tags.get(PARTITION, "")
        env = environments.get(name)
        notification = notification_of(context.instance, env, record) if env else None
        if notification is not None:
            calls.setdefault(name, []).append((record, notification))
        elif name in faults:
            said.append(f"run {record.dagster_run.run_id[:8]} is told once {name} can be read: {faults[name]}")
        else:
            told[record.dagster_run.run_id] = record.end_time or now
    looks = {name: partial(_tell, environments[name], news) for name, news in calls.items()}
    for name, found in look_at_each("outcomes", looks).items():
        if isinstance(found, PipelineError):
            said.append(f"{name}: {first_line(found)}")
        else:
            told |= dict.fromkeys(found[0], now)
            said += [f"{name}: {line}" for line in found[1]]
    return _result("\n".join(said) or "nothing to tell", Told(since=before.since, runs=told), now)


def notification_of(instance: dg.DagsterInstance, env: Environment, record: dg.RunRecord) -> Notification | None:
    """What to tell of a run that ended; None where nothing is to be told."""
    run = record.dagster_run
    if run.job_name in QUIET_JOBS:
        return None
    if run.status == dg.DagsterRunStatus.FAILURE:
        failed = failure_of(instance, run.run_id)
        return events.run_failed(env, run.run_id, failed.unit, failed.reason, failed.next_step)
    # A plan changes nothing, and what waits for approval is not through.
    if run.job_name != DEPLOY or outcome_of(run):
        return None
    seconds = (record.end_time or 0.0) - (record.start_time or record.end_time or 0.0)
    return events.succeeded(env, run.run_id, seconds, changes_of(instance, run.run_id))


def _ended(instance: dg.DagsterInstance, before: Told) -> list[dg.RunRecord]:
    """The runs of the last hour that ended, since the sensor first looked, the first to end first."""
    start = max(dt.datetime.fromtimestamp(before.since, dt.UTC), dt.datetime.now(dt.UTC) - PATIENCE)
    statuses = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    records = instance.get_run_records(dg.RunsFilter(statuses=statuses, updated_after=start), limit=AT_MOST)
    return sorted(records, key=lambda record: record.end_time or 0.0)


def _tell(env: Environment, news: list[tuple[dg.RunRecord, Notification]]) -> tuple[list[str], list[str]]:
    """The ids of the runs that need not be told again, and what went wrong with the others."""
    told, said = [], []
    for record, notification in news:
        faults: list[str] = []
        if publish(context_of(env, faults.append), notification) or not faults:
            told.append(record.dagster_run.run_id)
        said += [f"run {record.dagster_run.run_id[:8]}: {fault}" for fault in faults]
    return told, said


def _told(cursor: str | None, now: float) -> Told:
    try:
        return Told.model_validate_json(cursor or "")
    except ValidationError:
        return Told(since=now)


def _result(said: str, told: Told, now: float) -> dg.SensorResult:
    # What is too old to be looked at need not be remembered; twice the time, since a tag may touch a run later.
    recent = {run: at for run, at in told.runs.items() if at > now - 2 * PATIENCE.total_seconds()}
    cursor = told.model_copy(update={"runs": recent}).model_dump_json()
    return dg.SensorResult(skip_reason=dg.SkipReason(said), cursor=cursor)


def _time(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M} UTC"
