"""A change starts a deploy: of an environment's file, of the files that it refers to, or of the code of a unit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.engine.upgrade.start import needs_upgrade
from eks_assets.orchestration.drift_checks import DRIFT
from eks_assets.units import load_registry
from resources.aws.session import Source
from resources.config.environment import Environment
from resources.config.field_types import Model
from resources.model.errors import ConfigError, PipelineError
from resources.records.digest_key import load_digest_key
from sensors.fingerprint import content_of, describe_difference, earlier_content_of, holds_secrets
from sensors.launching import (
    DEPLOY,
    FROM,
    PARTITION,
    WHY,
    Environments,
    deploy_run,
    describe_removal,
    free_key,
    gate_fault,
    is_destroyed,
    launches_for,
    reads_environments,
    runs_with,
    tick_result,
)
from sensors.polling import context_of, fault_of, first_line, look_at_each

CONTENT = "eks-assets/content"
SENSOR = "deploy sensor"


class Cursor(Model):
    """The cursor, by environment. `dealt_with`: the content that was launched, or that was there at the first tick;
    `runs`: the run that this sensor had launched last when that was noted; `changed`: other content that the last tick
    saw for the first time."""

    dealt_with: dict[str, str] = Field(default={})
    runs: dict[str, str] = Field(default={})
    changed: dict[str, str] = Field(default={})


@dg.sensor(
    name="deploy",
    job_name=DEPLOY,
    minimum_interval_seconds=5,
    # Safe to run from the start: what is there at its first tick is noted, not deployed, and an environment that says
    # `deploy: manual` is never touched.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Deploys an environment whose files, or whose units' code, changed: once, and the newest content wins.",
)
@reads_environments
def deploy_sensor(context: dg.SensorEvaluationContext, environments: Environments) -> dg.SensorResult:
    """Content counts once two ticks have read the same, so that nobody deploys half of a `git pull`."""
    before = _read_cursor(context.cursor)
    now = _of(before, {*environments.usable, *environments.faults})
    lines = environments.report_faults("left as it is")
    requests: list[dg.RunRequest] = []
    for name, env in environments.usable.items():
        try:
            newest = newest_launch(context.instance, name)
            content = read_content(env, newest, before)
            decision = decide_launch(context.instance, env, content, newest, before)
        # Whatever is wrong with one environment, the others are deployed.
        except Exception as error:
            lines.append(f"{name}: left as it is: {fault_of(error)}")
            continue
        lines.append(f"{name}: {decision.reason}")
        requests += [decision.request] if decision.request else []
        (now.dealt_with if decision.is_dealt_with else now.changed)[name] = content
        if decision.is_dealt_with and newest:
            now.runs[name] = newest.run_id
    return tick_result(context, requests, lines, now)


def read_content(env: Environment, newest: dg.DagsterRun | None, before: Cursor | None) -> str:
    """The environment's content. Where its files hold secrets it needs the key of the ledger, and is of the form of
    earlier versions as long as that is what was launched or noted. Raises PipelineError."""
    registry, name = load_registry(), env.name
    if not holds_secrets(env):
        return content_of(registry, env)
    earlier = earlier_content_of(registry, env)
    if earlier in (newest.tags.get(CONTENT) if newest else None, before.dealt_with.get(name) if before else None):
        return earlier
    key = look_at_each("key of hashes", {name: lambda: load_digest_key(context_of(env))})[name]
    if isinstance(key, PipelineError):
        raise key
    return content_of(registry, env, key)


@dataclass(frozen=True)
class LaunchDecision:
    """What one tick does about one environment, and why. `is_dealt_with`: its content needs no other decision."""

    reason: str
    is_dealt_with: bool = True
    request: dg.RunRequest | None = None


def newest_launch(instance: dg.DagsterInstance, environment: str) -> dg.DagsterRun | None:
    """The run of the environment that this sensor launched last."""
    return next(iter(launches_for(instance, deploy_sensor.name, environment, environment, {FROM: SENSOR})), None)


def decide_launch(
    instance: dg.DagsterInstance, env: Environment, content: str, newest: dg.DagsterRun | None, before: Cursor | None
) -> LaunchDecision:
    """Whether the environment's content starts a run now. `newest`: the run that this sensor launched last; `before`:
    the cursor, None where there is none."""
    name = env.name
    launched = newest.tags.get(CONTENT) if newest and not is_destroyed(instance, name) else None
    noted = before.dealt_with.get(name) if before else None
    if env.deploy == "manual":
        return LaunchDecision(f"deploy: manual; eks-assets deploy {name} deploys it")
    # A run that the cursor does not know is newer than what it noted; of others, what was noted since counts.
    is_new = newest is not None and (before is None or before.runs.get(name) != newest.run_id)
    if newest and content == launched and (is_new or content == noted):
        return LaunchDecision(f"run {newest.run_id[:8]} was launched for it ({newest.status.value.lower()})")
    if content == noted:
        return LaunchDecision("nothing changed")
    if removal := describe_removal(instance, name):
        return LaunchDecision(f"{removal}; eks-assets deploy {name} makes it anew")
    if before is None and newest is None:
        return LaunchDecision("noted as it is; a change from now on starts a deploy")
    change = describe_difference(noted or launched, content)
    if before is None or before.changed.get(name) != content:
        return LaunchDecision(f"{change}; it is deployed once the next tick reads the same", False)
    try:
        Source.of(env)
    except ConfigError as error:
        return LaunchDecision(f"{change}; it is deployed later: {first_line(error)}", False)
    if fault := gate_fault(env):
        return LaunchDecision(f"{change}; it is not deployed: {fault}", False)
    if awaits_upgrade(env):
        return LaunchDecision(
            f"{change}; it is deployed after the upgrade to Kubernetes {env.kubernetes_version}", False
        )
    if busy := _unfinished(instance, name, newest):
        return LaunchDecision(
            f"{change}; it is deployed after run {busy.run_id[:8]} ({busy.status.value.lower()})", False
        )
    # The run before it is part of the key: the same content may come back later, and is then deployed again.
    key = f"{name}/{content}/{newest.run_id if newest else noted}"
    return LaunchDecision(
        change, request=deploy_run(env, free_key(instance, key), {CONTENT: content, FROM: SENSOR, WHY: change})
    )


def awaits_upgrade(env: Environment) -> bool:
    """Whether the cluster is to be upgraded first, which another sensor sees to. Where nobody can tell, the run finds
    out."""
    look = partial(needs_upgrade, load_registry())
    return look_at_each("upgrade first", {env.name: lambda: look(context_of(env))})[env.name] is True


def _unfinished(instance: dg.DagsterInstance, name: str, newest: dg.DagsterRun | None) -> dg.DagsterRun | None:
    """A run that goes on in the environment and may change it; our `newest`, where it still queues for older content,
    is canceled."""
    for run in runs_with(instance, {PARTITION: name}, unfinished=True):
        if run.job_name == DRIFT:
            continue  # It changes nothing; the queue lets a deploy go before one that has not begun.
        if run.status != dg.DagsterRunStatus.QUEUED or newest is None or run.run_id != newest.run_id:
            return run
        instance.report_run_canceled(run, message="The environment changed again before this run began.")
    return None


def _of(before: Cursor | None, names: set[str]) -> Cursor:
    """What stays noted: a file that was gone and is back is a new one."""
    if before is None:
        return Cursor()
    dealt_with, runs = ({n: v for n, v in noted.items() if n in names} for noted in (before.dealt_with, before.runs))
    return Cursor(dealt_with=dealt_with, runs=runs)


def _read_cursor(cursor: str | None) -> Cursor | None:
    try:
        return Cursor.model_validate_json(cursor or "")
    except ValidationError:
        return None
