"""The job `upgrade`: brings a cluster to the Kubernetes version of its environment's file, one minor version after the
other. Same engine as the command line, which runs this job, too. A second run continues where the first stopped."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from eks_assets.engine.upgrade.chain import upgrade_command
from eks_assets.engine.upgrade.flow import run_upgrade
from eks_assets.orchestration.environments import ENVIRONMENTS, Platform, open_step
from eks_assets.orchestration.run_tags import (
    PROCESS_TAG,
    SENDER_TAG,
    WAITING,
    record_outcome,
    record_tags,
)
from eks_assets.orchestration.unit_events import UnitEvent, unit_events
from eks_assets.orchestration.watching import give_result, hear_progress, noting_errors
from eks_assets.units import load_registry
from resources.aws.session import caller_arn
from resources.context import Context
from resources.model.display import escape_lines
from resources.model.errors import ApprovalMissing, ConfigError, OperationFailed
from resources.records.launch import leave_parents_launch
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER

UPGRADE = "upgrade"
OP = "upgrade_cluster"


class Upgrading(dg.Config):
    """To which version: the environment's file has to ask for the same."""

    to: str = Field(default="", description="The Kubernetes version; empty: the one of the environment's file.")
    wait: float = Field(
        default=OUTLIVES_A_DEAD_HOLDER, description="Seconds to wait where another run holds the environment."
    )


def upgrade_config(to: str = "", wait: float = OUTLIVES_A_DEAD_HOLDER) -> dict[str, object]:
    """The run config of the job."""
    return {"ops": {OP: {"config": {"to": to, "wait": wait}}}}


@dg.op(name=OP, out={}, description="Add-ons, control plane, a watched pause, nodes; then the next minor version.")
def upgrade_cluster(context: dg.OpExecutionContext, config: Upgrading, platform: Platform) -> Iterator[UnitEvent]:
    """Each unit's result is on its own asset's page. Fails where a step did; while it is paused or waits for approval
    it does not fail."""
    leave_parents_launch()
    if PROCESS_TAG in context.run.tags:
        record_tags(context.instance, context.run, {PROCESS_TAG: context.run.tags[PROCESS_TAG]})
    try:
        with open_step(context, platform, UPGRADE) as env_context, noting_errors():
            yield from _upgrade(context, config, hear_progress(env_context))
    except ApprovalMissing as closed:
        context.log.warning(escape_lines(str(closed)))
        record_outcome(context.instance, context.run, WAITING)


def _upgrade(context: dg.OpExecutionContext, config: Upgrading, env_context: Context) -> Iterator[UnitEvent]:
    env = env_context.env
    if config.to not in ("", env.kubernetes_version):
        raise ConfigError(
            f"the file of {env.name} asks for Kubernetes {env.kubernetes_version}, not {config.to}",
            next_step="set kubernetes_version in it, or launch the upgrade to the version that it asks for",
        )
    sender = context.run.tags.get(SENDER_TAG, "")
    flow = run_upgrade(
        load_registry(), env_context, caller_arn(env), wait=config.wait, asked=("Dagster" if sender else "", sender)
    )
    while True:
        try:
            end = next(flow)
        except StopIteration as done:
            outcome = str(done.value)
            break
        yield from unit_events(context, env, end)
    give_result(outcome)
    env_context.progress(f"the upgrade to Kubernetes {env.kubernetes_version}: {outcome}")
    if outcome in ("paused", "cancelled"):
        record_outcome(context.instance, context.run, outcome)
    if outcome == "rolled back":
        raise OperationFailed(
            f"the upgrade of {env.name} to Kubernetes {env.kubernetes_version} failed and was rolled back",
            next_step=f"eks-assets history {env.name} says why; then: eks-assets rollback {env.name} --end-hold, "
            f"{upgrade_command(env)}",
        )


@dg.job(
    name=UPGRADE,
    config=dg.PartitionedConfig(
        partitions_def=ENVIRONMENTS,
        run_config_for_partition_key_fn=lambda _: upgrade_config(),
    ),
    # One process holds the environment for all of it.
    executor_def=dg.in_process_executor,
    description="Bring the cluster to the Kubernetes version of the environment's file, one minor version at a time.",
)
def upgrade() -> None:
    """One upgrade."""
    upgrade_cluster()
