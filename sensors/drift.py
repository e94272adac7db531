"""Looks for drift by itself: one run of the job `drift` for each environment whose own cron has come due.

What was launched stands in Dagster's own ticks of this schedule. There is no cursor that could be lost, and nobody
writes there from the UI. A time that came while nothing ran is made up once, by the run for the last of those missed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, InstigatorType
from dagster._utils.schedules import cron_string_iterator, reverse_cron_string_iterator

from eks_assets.orchestration.drift_checks import DRIFT
from eks_assets.orchestration.environments import ENVIRONMENTS
from eks_assets.orchestration.run_tags import DESTROYED, OUTCOME_TAG, owner_tag
from eks_assets.units import load_registry
from resources.aws.session import Source
from resources.config.environment import Environment
from resources.config.settings.drift import Drift
from resources.model.display import escape_line
from resources.model.errors import ConfigError
from sensors.launching import (
    FROM,
    PARTITION,
    TICKS,
    UNFINISHED,
    WHY,
    Environments,
    is_destroyed,
    launching_ticks,
    runs_with,
)
from sensors.polling import fault_of, first_line, read_environments

SCHEDULE = "drift schedule"
# A deploy that waits in the queue goes first; of an environment one run goes on at a time.
PRIORITY = {"dagster/priority": "-1"}
EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class History:
    """What Dagster knows. `launched`: the newest time that a run was launched for, by environment; `looked`: when the
    tick before this one was; `unfinished`: the run of the job that goes on, by environment; `partitions`: the
    environments that a run can be launched for; `destroyed`: those that there is nothing left of."""

    launched: Mapping[str, dt.datetime]
    looked: dt.datetime
    unfinished: Mapping[str, dg.DagsterRun]
    partitions: Collection[str]
    destroyed: Collection[str] = ()


@dg.schedule(
    name="drift",
    job_name=DRIFT,
    cron_schedule="* * * * *",
    # Safe to run from the start: it reads, and only where an environment's file says when.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks for drift in each environment at the times of its own drift.cron.",
)
def drift_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """At most one run an environment; whatever is wrong with one of them, the others are looked at."""
    now = context.scheduled_execution_time
    try:
        environments = Environments(*read_environments(load_registry().by_name))
    except ConfigError as error:
        return dg.SkipReason(first_line(error))
    history = read_history(context.instance, now)
    lines = environments.report_faults("not looked at")
    requests: list[dg.RunRequest] = []
    for name, env in environments.usable.items():
        try:
            request, reason = decide_launch(env, now, history)
            if request and name in history.destroyed:
                request, reason = None, "not looked at: it has been destroyed"
        except Exception as error:
            lines.append(f"{name}: not looked at: {fault_of(error)}")
            continue
        lines.append(f"{name}: {reason}")
        requests += [request] if request else []
    lines = [escape_line(line) for line in lines]
    for line in lines if requests else ():
        context.log.info(line)
    return requests or dg.SkipReason("\n".join(lines) or "there are no environments")


def decide_launch(env: Environment, now: dt.datetime, history: History) -> tuple[dg.RunRequest | None, str]:
    """The run for the environment's last due time, if none was launched for it, and why or why not, with the next."""
    if env.drift is None or env.drift.cron is None:
        return None, "off, as its file has no drift.cron"
    due, following = due_times(env.drift, now)
    after = f"next due {_time(following)}"
    # An environment that nothing was launched for begins with the times since the last tick, not with all of the past.
    if due <= history.launched.get(env.name, history.looked):
        return None, after
    since = f"due since {_time(due)}"
    if env.name not in history.partitions:
        return None, f"{since}; its partition is made first"
    if run := history.unfinished.get(env.name):
        return None, f"{since}; it is looked at after run {run.run_id[:8]} ({run.status.value.lower()})"
    try:
        Source.of(env)
    except ConfigError as error:
        return None, f"{since}; it is looked at later: {first_line(error)}"
    tags = {**owner_tag(env), **PRIORITY, FROM: SCHEDULE, WHY: f"due at {_time(due)}"}
    key = f"{env.name}/{due.astimezone(dt.UTC).isoformat()}"
    return dg.RunRequest(run_key=key, partition_key=env.name, tags=tags), f"{since}, launched; {after}"


def due_times(settings: Drift, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The last time that the cron came, now at the latest, and the next one."""
    return _due_times(settings.cron or "", settings.timezone, now)


# Dagster counts a frequent cron minute by minute, and many environments have the same one.
@lru_cache(maxsize=256)
def _due_times(cron: str, timezone: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    last = next(time for time in reverse_cron_string_iterator(now.timestamp(), cron, timezone) if time <= now)
    following = next(time for time in cron_string_iterator(now.timestamp(), cron, timezone) if time > now)
    return last, following


def read_history(instance: dg.DagsterInstance, now: dt.datetime) -> History:
    """What stands in Dagster's runs, partitions and ticks of this schedule."""
    launched: dict[str, dt.datetime] = {}
    for tick in launching_ticks(instance, InstigatorType.SCHEDULE, drift_schedule.name):
        for key in tick.run_keys:
            name, _, time = key.rpartition("/")
            due = dt.datetime.fromisoformat(time)
            launched[name] = max(due, launched.get(name, due))
    runs = instance.get_runs(dg.RunsFilter(job_name=DRIFT, statuses=UNFINISHED))
    unfinished = {run.tags[PARTITION]: run for run in runs if PARTITION in run.tags}
    partitions = instance.get_dynamic_partitions(str(ENVIRONMENTS.name))
    ever = {run.tags.get(PARTITION, "") for run in runs_with(instance, {OUTCOME_TAG: DESTROYED}, limit=TICKS)}
    destroyed = {name for name in ever if is_destroyed(instance, name)}
    return History(launched, _last_tick(instance, now), unfinished, partitions, destroyed)


def _last_tick(instance: dg.DagsterInstance, now: dt.datetime) -> dt.datetime:
    """When the tick before that of `now` was; without one, a minute ago."""
    ticks: list[InstigatorTick] = [
        tick
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        if state.name == drift_schedule.name
        for tick in instance.get_ticks(
            state.instigator_origin_id, state.selector_id, before=now.timestamp() - 1, limit=1
        )
    ]
    return max((dt.datetime.fromtimestamp(tick.timestamp, dt.UTC) for tick in ticks), default=now - EVERY)


def _time(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M %Z}"
