"""Takes a deploy that failed back, where an environment says `on_failure: rollback`: one run of the job `rollback` for
each run of the job `deploy` that failed, whoever started it but the command line, which does that itself.

It only launches. What the run that failed has changed is known to the ledger; lease and gate stand in each unit, as in
any deploy.
"""

from __future__ import annotations

import datetime as dt

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorType
from pydantic import ValidationError

from eks_assets.orchestration.drift_checks import DRIFT
from eks_assets.orchestration.rollback_job import ROLLBACK, undo_config
from eks_assets.orchestration.run_tags import LAUNCH_TAG, REPAIR_TAG, owner_tag
from resources.config.environment import Environment
from resources.config.field_types import Model
from sensors.launching import (
    DEPLOY,
    FROM,
    PARTITION,
    WHY,
    Environments,
    launching_ticks,
    reads_environments,
    runs_with,
    tick_result,
)

PATIENCE = dt.timedelta(hours=1)
SENSOR = "undo sensor"
_AT_MOST = 100


class Cursor(Model):
    """`since`: seconds since the epoch, when this sensor first ran."""

    since: float


@dg.sensor(
    name="undo",
    job_name=ROLLBACK,
    minimum_interval_seconds=10,
    # Safe to run from the start: it does nothing where an environment's file does not ask for it.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes back what a deploy that failed has changed, where the environment says on_failure: rollback.",
)
@reads_environments
def undo_sensor(context: dg.SensorEvaluationContext, environments: Environments) -> dg.SensorResult:
    """At most one run for each deploy that failed within the last hour, since the sensor first ran, and as long as
    nothing else was started in the environment."""
    now = dt.datetime.now(dt.UTC)
    cursor = _read_cursor(context.cursor, now)
    lines = environments.report_faults("no deploy is taken back")
    wanted = {name: env for name, env in environments.usable.items() if env.on_failure == "rollback"}
    start = max(dt.datetime.fromtimestamp(cursor.since, dt.UTC), now - PATIENCE)
    requests: list[dg.RunRequest] = []
    for run in _failed_runs(context.instance, start) if wanted else ():
        name = run.tags.get(PARTITION, "")
        if name in wanted:
            reason = _reason_to_leave(context.instance, run)
            lines.append(f"{name}: run {run.run_id[:8]} failed and {reason or 'is taken back'}")
            requests += [] if reason else [_request(wanted[name], run)]
    if not wanted:
        lines.append("no environment has on_failure: rollback")
    return tick_result(context, requests, lines or ["no deploy has failed"], cursor)


def _failed_runs(instance: dg.DagsterInstance, since: dt.datetime) -> list[dg.DagsterRun]:
    """Deploys that failed since then; not those of the command line, and no repairs, before which something had
    drifted."""
    failed = dg.RunsFilter(job_name=DEPLOY, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    runs = (record.dagster_run for record in instance.get_run_records(failed, limit=_AT_MOST))
    return [run for run in runs if LAUNCH_TAG not in run.tags and REPAIR_TAG not in run.tags]


def _reason_to_leave(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Why it is not taken back now; empty where it is."""
    ticks = launching_ticks(instance, InstigatorType.SENSOR, undo_sensor.name)
    if _key(run) in {key for tick in ticks for key in tick.run_keys}:
        return "a rollback was launched for it"
    newest = next((r for r in runs_with(instance, {PARTITION: run.tags[PARTITION]}) if r.job_name != DRIFT), run)
    if newest.run_id != run.run_id:
        return f"is left to run {newest.run_id[:8]}, which was started after it"
    return ""


def _request(env: Environment, run: dg.DagsterRun) -> dg.RunRequest:
    why = f"run {run.run_id[:8]} failed, and on_failure is rollback"
    tags = {**owner_tag(env), FROM: SENSOR, WHY: why}
    return dg.RunRequest(run_key=_key(run), partition_key=env.name, run_config=undo_config(run.run_id), tags=tags)


def _key(run: dg.DagsterRun) -> str:
    return f"undo/{run.run_id}"


def _read_cursor(cursor: str | None, now: dt.datetime) -> Cursor:
    try:
        return Cursor.model_validate_json(cursor or "")
    except ValidationError:
        return Cursor(since=now.timestamp())
