"""A higher `kubernetes_version` starts the job `upgrade`, and so does an upgrade whose run was killed."""

from __future__ import annotations

import hashlib
from functools import partial

import dagster as dg

from eks_assets.engine.approval_request import describe_newest_request
from eks_assets.engine.upgrade.start import needs_upgrade
from eks_assets.orchestration.drift_checks import DRIFT
from eks_assets.orchestration.run_tags import owner_tag
from eks_assets.orchestration.upgrade_job import UPGRADE
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.drivers.stack.cluster_state import cluster_version
from resources.model.errors import PipelineError
from resources.records.upgrades import open_upgrade
from sensors.launching import (
    FROM,
    PARTITION,
    RUN_KEY,
    Environments,
    describe_removal,
    gate_fault,
    reads_environments,
    runs_with,
    tick_result,
)
from sensors.polling import context_of, first_line, look_at_each

SENSOR = "upgrade sensor"


@dg.sensor(
    name="upgrade",
    job_name=UPGRADE,
    minimum_interval_seconds=30,
    # Safe to run from the start: it does what the sensor `deploy` would have to, for the same environments.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Upgrades a cluster whose environment's file asks for a higher Kubernetes version, once for each.",
)
@reads_environments
def upgrade_sensor(context: dg.SensorEvaluationContext, environments: Environments) -> dg.SensorResult:
    """Each state of an upgrade is launched once: one that failed is a person's."""
    usable = {name: env for name, env in environments.usable.items() if env.deploy == "automatic"}
    states = look_at_each("upgrade", {name: partial(read_state, env) for name, env in usable.items()})
    requests, lines = list[dg.RunRequest](), environments.report_faults("left as it is")
    for name, state in states.items():
        if isinstance(state, PipelineError):
            lines.append(f"{name}: left as it is: {first_line(state)}")
        elif state:
            reason = why_not(context.instance, usable[name], state)
            lines.append(f"{name}: {reason or 'its cluster is upgraded'}")
            if not reason:
                tags = {**owner_tag(usable[name]), FROM: SENSOR}
                requests.append(dg.RunRequest(run_key=state, partition_key=name, tags=tags))
    return tick_result(context, requests, lines)


def read_state(env: Environment) -> str:
    """What names the state of an upgrade that a run could go on with; empty where there is nothing to do, or a person
    has to decide. Raises PipelineError."""
    context, registry = context_of(env), load_registry()
    if not needs_upgrade(registry, context):
        return ""
    upgrade = open_upgrade(context)
    if upgrade is not None and (upgrade.stop is not None or upgrade.is_paused):
        return ""
    is_granted, request = describe_newest_request(context)
    parts = [cluster_version(context), env.kubernetes_version]
    parts += [upgrade.begun.id, str(len(upgrade.events))] if upgrade else []
    # An approval is news to an upgrade that waits for one.
    parts += [request] if env.approval is not None and is_granted else []
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:16]
    return f"upgrade/{env.name}/{digest}"


def why_not(instance: dg.DagsterInstance, env: Environment, state: str) -> str:
    """Why no run is launched for that state; empty where one is."""
    if removal := describe_removal(instance, env.name):
        return removal
    if runs_with(instance, {PARTITION: env.name, RUN_KEY: state}, limit=1):
        return f"a run was launched for it; eks-assets upgrade {env.name} --to {env.kubernetes_version} goes on"
    if fault := gate_fault(env):
        return fault
    runs = runs_with(instance, {PARTITION: env.name}, unfinished=True)
    busy = next((run for run in runs if run.job_name != DRIFT), None)
    return f"after run {busy.run_id[:8]} ({busy.status.value.lower()})" if busy else ""
