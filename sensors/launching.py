"""What the sensors that start deploys share: the environments, the tags that say why a run exists, and earlier runs.

They decide by the history of runs; a cursor only saves reading it, so that a lost cursor starts nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, InstigatorType, TickStatus

from eks_assets.orchestration.assets import RELEASE_PLAN
from eks_assets.orchestration.destroy_job import is_partial
from eks_assets.orchestration.drift_checks import DRIFT
from eks_assets.orchestration.environments import ENVIRONMENTS
from eks_assets.orchestration.plan_assets import list_checks
from eks_assets.orchestration.run_tags import DESTROYED, DESTROYING, outcome_of, owner_tag
from eks_assets.units import load_registry
from resources.approval.record import check_gate
from resources.config.environment import Environment
from resources.config.field_types import Model
from resources.model.display import escape_line
from resources.model.errors import ConfigError, GateNotAnchored
from sensors.polling import context_of, first_line, look_at_each, read_environments

DEPLOY = "deploy"  # the job, which `eks_assets.definitions` makes
PARTITION, RUN_KEY = "dagster/partition", "dagster/run_key"
FROM, WHY = "eks-assets/from", "eks-assets/why"
# How many ticks that launched something are read, the newest first.
TICKS = 500
_LAUNCHING = [TickStatus.STARTED, TickStatus.SUCCESS]
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Environments:
    """The environments in their folder. `usable`: by name; `faults`: for each other one the first thing that is wrong
    with it."""

    usable: Mapping[str, Environment]
    faults: Mapping[str, str]

    def report_faults(self, consequence: str) -> list[str]:
        """A line for each environment that cannot be used: what that means for it, and what is wrong."""
        return [f"{name}: {consequence}: {fault}" for name, fault in self.faults.items()]


Sensor: TypeAlias = Callable[[dg.SensorEvaluationContext], dg.SensorResult | dg.SkipReason]
EnvironmentsSensor: TypeAlias = Callable[[dg.SensorEvaluationContext, Environments], dg.SensorResult]


def reads_environments(function: EnvironmentsSensor) -> Sensor:
    """Decorates a sensor that needs the environments: they are read at every tick, and a tick without the folder of
    environments is skipped, the cursor kept."""

    # Not functools.wraps: Dagster takes further parameters, which it would show, for resources.
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            environments = Environments(*read_environments(load_registry().by_name))
        except ConfigError as error:
            return dg.SkipReason(first_line(error))
        return function(context, environments)

    sensor.__name__, sensor.__doc__ = function.__name__, function.__doc__
    return sensor


def runs_with(
    instance: dg.DagsterInstance, tags: Mapping[str, str], limit: int = 10, unfinished: bool = False
) -> Sequence[dg.DagsterRun]:
    """The runs with all of these tags, newest first."""
    return instance.get_runs(dg.RunsFilter(tags=dict(tags), statuses=UNFINISHED if unfinished else None), limit=limit)


def launches_for(
    instance: dg.DagsterInstance, sensor: str, environment: str, run_key: str, tags: Mapping[str, str]
) -> list[dg.DagsterRun]:
    """The runs that the sensor of that name launched under the key (or one after it, see `free_key`), newest first.

    Whoever may launch anything writes such tags, and copies them; what the sensor launched stands in its ticks."""
    runs = instance.get_runs(dg.RunsFilter(job_name=DEPLOY, tags={PARTITION: environment, **tags}))
    own = _launched_by(instance, sensor) if runs else set()
    return [run for run in runs if run.run_id in own and f"{run.tags.get(RUN_KEY, '')}/".startswith(f"{run_key}/")]


def _launched_by(instance: dg.DagsterInstance, sensor: str) -> set[str]:
    """The ids of the runs that Dagster's daemon launched for the sensor: it notes them in the tick that asked for them,
    and nobody writes there from the UI."""
    ticks = launching_ticks(instance, InstigatorType.SENSOR, sensor)
    # The daemon reserves the ids first, and may have ended before it noted that the runs exist.
    return {run for tick in ticks for run in (*tick.run_ids, *(tick.tick_data.reserved_run_ids or ()))}


def launching_ticks(instance: dg.DagsterInstance, kind: InstigatorType, name: str) -> list[InstigatorTick]:
    """The ticks of the sensor or schedule of that name that launched something, or were about to, newest first."""
    return [
        tick
        for state in instance.all_instigator_state(instigator_type=kind)
        if state.name == name
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, statuses=_LAUNCHING, limit=TICKS)
    ]


def free_key(instance: dg.DagsterInstance, run_key: str) -> str:
    """The key, or the first of `<key>/2`, `<key>/3`, ... that no run has: Dagster starts none for a key that is there,
    whoever wrote it."""
    keys = (run_key if number == 1 else f"{run_key}/{number}" for number in count(1))
    return next(key for key in keys if not runs_with(instance, {RUN_KEY: key}, limit=1))


def gate_fault(env: Environment) -> str:
    """Why no sensor deploys the environment: its file asks for less than the anchored gate. Empty where that is not so,
    or cannot be read now: the run reads it again, and each unit refuses what is less."""
    answer = look_at_each("gate", {env.name: lambda: check_gate(context_of(env))})[env.name]
    return first_line(answer) if isinstance(answer, GateNotAnchored) else ""


def is_destroyed(instance: dg.DagsterInstance, environment: str) -> bool:
    """Whether the last run on the environment destroyed it; runs that looked for drift, or removed what it no longer
    has, do not count."""
    return _last_outcome(instance, environment) == DESTROYED


def describe_removal(instance: dg.DagsterInstance, environment: str) -> str:
    """Whether the last run on the environment destroyed it, or began to; empty where neither is so. People who have it
    destroyed do not want it back by itself, also where that stopped half-way."""
    outcome = _last_outcome(instance, environment)
    return {DESTROYED: "the environment has been destroyed", DESTROYING: "the environment is being destroyed"}.get(
        outcome or "", ""
    )


def _last_outcome(instance: dg.DagsterInstance, environment: str) -> str | None:
    runs = runs_with(instance, {PARTITION: environment})
    newest = next((run for run in runs if run.job_name != DRIFT and not is_partial(run)), None)
    return outcome_of(instance, newest) if newest else None


def deploy_run(
    env: Environment, run_key: str, tags: Mapping[str, str], selection: Collection[str] = ()
) -> dg.RunRequest:
    """A run of the job `deploy` on the environment; `selection`: its assets, all of them where it is empty."""
    keys = [dg.AssetKey(name) for name in selection] or None
    return dg.RunRequest(
        run_key=run_key,
        partition_key=env.name,
        tags={**owner_tag(env), **tags},
        asset_selection=keys,
        asset_check_keys=list_checks(load_registry(), selection) if keys else None,
    )


def with_plan(env: Environment, units: Collection[str]) -> list[str]:
    """The assets of a run of those units: where there is a gate, also the plan for approval, since each of them may
    turn out to lie behind it."""
    return [*units, *([RELEASE_PLAN] if env.approval is not None and units else [])]


def tick_result(
    context: dg.SensorEvaluationContext,
    requests: Sequence[dg.RunRequest],
    lines: Sequence[str],
    cursor: Model | None = None,
) -> dg.SensorResult:
    """The result of one tick. `lines`: what it decided, a line an environment. Partitions that a run needs
    are added."""
    have = set(context.instance.get_dynamic_partitions(str(ENVIRONMENTS.name)))
    missing = sorted({str(r.partition_key) for r in requests} - have)
    lines = [escape_line(line) for line in lines]
    for line in lines if requests else ():
        context.log.info(line)
    return dg.SensorResult(
        run_requests=list(requests),
        skip_reason=None if requests else dg.SkipReason("\n".join(lines) or "there are no environments"),
        dynamic_partitions_requests=[ENVIRONMENTS.build_add_request(missing)] if missing else [],
        cursor=cursor.model_dump_json() if cursor else None,
    )
