"""A change starts a deploy: of an environment's file, of the files that it refers to, or of the code of a unit."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.units import registry
from resources.aws import Source
from resources.environment import Environment
from resources.errors import ConfigError
from resources.field_types import Model
from sensors.content import content_of, difference
from sensors.launching import DEPLOY, FROM, PARTITION, WHY, deploy_run, is_destroyed, runs_with, tick
from sensors.looks import fault_of, first_line, read_environments

CONTENT = "eks-assets/content"
SENSOR = "deploy sensor"


class Seen(Model):
    """The cursor, by environment. `dealt_with`: the content that was launched, or found at the first look; `changed`:
    other content that the last look saw for the first time."""

    dealt_with: dict[str, str] = Field(default={})
    changed: dict[str, str] = Field(default={})


@dg.sensor(
    name="deploy",
    job_name=DEPLOY,
    minimum_interval_seconds=5,
    # Safe to run from the start: what it finds at its first look is noted, not deployed, and an environment that says
    # `deploy: manual` is never touched.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Deploys an environment whose files, or whose units' code, changed: once, and the newest content wins.",
)
def deploy_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Content counts once two ticks have found the same, so that nobody deploys half of a `git pull`."""
    try:
        environments, faults = read_environments(registry().by_name)
    except ConfigError as error:
        return dg.SkipReason(first_line(error))
    before = _seen(context.cursor)
    # A file that was gone and is back is a new one.
    dealt_with = (
        {name: c for name, c in before.dealt_with.items() if name in {*environments, *faults}} if before else {}
    )
    changed: dict[str, str] = {}
    said = [f"{name}: left as it is: {fault}" for name, fault in faults.items()]
    requests: list[dg.RunRequest] = []
    for name, env in environments.items():
        try:
            content = content_of(registry(), env)
            decision = decide(context.instance, env, content, before)
        # Whatever is wrong with one environment, the others are deployed.
        except Exception as error:
            said.append(f"{name}: left as it is: {fault_of(error)}")
            continue
        said.append(f"{name}: {decision.said}")
        requests += [decision.request] if decision.request else []
        (dealt_with if decision.is_dealt_with else changed)[name] = content
    return tick(context, requests, said, Seen(dealt_with=dealt_with, changed=changed))


@dataclass(frozen=True)
class Decision:
    """What one tick does about one environment. `is_dealt_with`: nothing is left to decide about its content."""

    said: str
    is_dealt_with: bool = True
    request: dg.RunRequest | None = None


def decide(instance: dg.DagsterInstance, env: Environment, content: str, before: Seen | None) -> Decision:
    """Whether the environment's content starts a run now. `before`: the cursor, None where there is none."""
    name = env.name
    newest = next(iter(runs_with(instance, {PARTITION: name, FROM: SENSOR}, limit=1)), None)
    launched = newest.tags.get(CONTENT) if newest and not is_destroyed(instance, name) else None
    noted = before.dealt_with.get(name) if before else None
    if env.deploy == "manual":
        return Decision(f"deploy: manual; eks-assets deploy {name} deploys it")
    if newest and content == launched:
        return Decision(f"run {newest.run_id[:8]} was launched for it ({newest.status.value.lower()})")
    if content == noted:
        return Decision("nothing changed")
    if before is None and newest is None:
        return Decision("noted as it is; a change from now on starts a deploy")
    words = difference(noted or launched, content)
    if before is None or before.changed.get(name) != content:
        return Decision(f"{words}; it is deployed once the next look finds the same", False)
    try:
        Source.of(env)
    except ConfigError as error:
        return Decision(f"{words}; it is deployed later: {first_line(error)}", False)
    if busy := _unfinished(instance, name):
        return Decision(f"{words}; it is deployed after run {busy.run_id[:8]} ({busy.status.value.lower()})", False)
    # The run before it is part of the key: the same content may come back later, and is then deployed again.
    key = f"{name}/{content}/{newest.run_id if newest else noted}"
    return Decision(words, request=deploy_run(env, key, {CONTENT: content, FROM: SENSOR, WHY: words}))


def _unfinished(instance: dg.DagsterInstance, name: str) -> dg.DagsterRun | None:
    """A run that goes on in the environment; one of ours that still queues for older content is canceled."""
    for run in runs_with(instance, {PARTITION: name}, unfinished=True):
        if run.status != dg.DagsterRunStatus.QUEUED or run.tags.get(FROM) != SENSOR:
            return run
        instance.report_run_canceled(run, message="The environment changed again before this run began.")
    return None


def _seen(cursor: str | None) -> Seen | None:
    try:
        return Seen.model_validate_json(cursor or "")
    except ValidationError:
        return None
