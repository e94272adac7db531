"""What the sensors that start deploys share: the tags that say why a run exists, and looks at earlier runs.

The history of runs is what they believe; a cursor only saves looking, so that a lost one starts nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import dagster as dg

from eks_assets.graph.registry import Registry
from eks_assets.orchestration.assets import RELEASE_PLAN
from eks_assets.orchestration.environments import ENVIRONMENTS
from eks_assets.orchestration.run_tags import outcome_of, owner_tag
from resources.config.environment import Environment
from resources.config.field_types import Model

DEPLOY = "deploy"  # the job, which `eks_assets.definitions` makes
PARTITION = "dagster/partition"
FROM, WHY = "eks-assets/from", "eks-assets/why"
DESTROYED = "destroyed"  # the outcome of a run that took an environment down
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def runs_with(
    instance: dg.DagsterInstance, tags: Mapping[str, str], limit: int = 10, unfinished: bool = False
) -> Sequence[dg.DagsterRun]:
    """The runs with all of these tags, newest first."""
    return instance.get_runs(dg.RunsFilter(tags=dict(tags), statuses=UNFINISHED if unfinished else None), limit=limit)


def is_destroyed(instance: dg.DagsterInstance, environment: str) -> bool:
    """Whether the last run on the environment took it down."""
    newest = next(iter(runs_with(instance, {PARTITION: environment}, limit=1)), None)
    return newest is not None and outcome_of(newest) == DESTROYED


def deploy_run(
    env: Environment, run_key: str, tags: Mapping[str, str], selection: Collection[str] = ()
) -> dg.RunRequest:
    """A run of the job `deploy` on the environment; `selection`: its assets, all of them where it is empty."""
    keys = [dg.AssetKey(name) for name in selection] or None
    return dg.RunRequest(run_key=run_key, partition_key=env.name, tags={**owner_tag(env), **tags}, asset_selection=keys)


def with_plan(registry: Registry, env: Environment, units: Collection[str]) -> list[str]:
    """The assets of a run of those units: where one lies behind the gate, the plan that is put up for approval too."""
    gated = any(registry[name].is_gated(env) for name in units)
    return [*units, *([RELEASE_PLAN] if gated else [])]


def tick(
    context: dg.SensorEvaluationContext, requests: Sequence[dg.RunRequest], said: Sequence[str], cursor: Model
) -> dg.SensorResult:
    """The result of one tick. `said`: what it has to say of each environment. Partitions that a run needs are added."""
    have = set(context.instance.get_dynamic_partitions(str(ENVIRONMENTS.name)))
    missing = sorted({str(r.partition_key) for r in requests} - have)
    for line in said if requests else ():
        context.log.info(line)
    return dg.SensorResult(
        run_requests=list(requests),
        skip_reason=None if requests else dg.SkipReason("\n".join(said) or "there are no environments"),
        dynamic_partitions_requests=[ENVIRONMENTS.build_add_request(missing)] if missing else [],
        cursor=cursor.model_dump_json(),
    )
