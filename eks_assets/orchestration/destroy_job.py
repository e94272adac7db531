"""The job `destroy`: takes an environment away, where whoever launches it types its name. Same engine as the command
line, which runs this job, too."""

from typing import Any

import dagster as dg
from pydantic import Field

from eks_assets.engine.approval_request import destroy_command, from_ledger_option, remove_command
from eks_assets.engine.teardown.gate import refuse_protected
from eks_assets.engine.teardown.removal import destroy_environment
from eks_assets.orchestration.environments import ENVIRONMENTS, Platform, open_step
from eks_assets.orchestration.run_tags import (
    DESTROYED,
    DESTROYING,
    PROCESS_TAG,
    WAITING,
    record_outcome,
    record_tags,
)
from eks_assets.orchestration.watching import give_result, hear_progress, noting_errors, tell_watches
from eks_assets.plan.teardown import TeardownPlan, UnitOutcome
from eks_assets.plan.teardown_wording import describe_outcome
from eks_assets.units import load_registry
from resources.context import Context
from resources.model.display import code_span, escape_lines
from resources.model.errors import ApprovalMissing, ConfigError, OperationFailed
from resources.notifications.destroy_messages import destroy_started, destroy_stopped
from resources.notifications.topic import send_notification
from resources.records.launch import leave_parents_launch
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER

DESTROY = "destroy"
OP = "remove_environment"
_SHOWN = 20  # objects of one unit


class Destruction(dg.Config):
    """What is to go, and that you mean it."""

    confirm: str = Field(default="", description="The environment's name, typed. Without it nothing is removed.")
    delete_data: bool = Field(default=False, description="Remove data as well: volumes, file systems, secrets, keys.")
    removed: bool = Field(default=False, description="Remove only what the environment's files no longer have.")
    from_ledger: str = Field(
        default="", description="Where the environment's file is gone: the region whose ledger says what it was."
    )
    wait: float = Field(
        default=OUTLIVES_A_DEAD_HOLDER, description="Seconds to wait where another run holds the environment."
    )


def destroy_config(
    confirm: str,
    *,
    delete_data: bool = False,
    removed: bool = False,
    from_ledger: str = "",
    wait: float = OUTLIVES_A_DEAD_HOLDER,
) -> dict[str, object]:
    """The run config of the job."""
    scope = {"delete_data": delete_data, "removed": removed, "from_ledger": from_ledger}
    config = {"confirm": confirm, **scope, "wait": wait}
    return {"ops": {OP: {"config": config}}}


def is_partial(run: dg.DagsterRun) -> bool:
    """Whether a run of the job removes only what the environment no longer has."""
    config: Any = run.run_config
    return run.job_name == DESTROY and bool(config.get("ops", {}).get(OP, {}).get("config", {}).get("removed"))


def check_confirmation(environment: str, confirm: str) -> None:
    """Raises ConfigError where the typed name is not the environment's."""
    if confirm != environment:
        raise ConfigError(
            f"the confirmation is {confirm!a}, not the environment's name {environment!a}; nothing was removed",
            next_step=f"to remove it, type its name: {environment}",
        )


@dg.op(name=OP, description="Remove all units in the reverse order of the graph, what their controllers made first.")
def remove(context: dg.OpExecutionContext, config: Destruction, platform: Platform) -> None:
    """Fails where the confirmation is not the environment's name, where the environment is protected, and where
    something could not be removed; while it waits for approval it does not fail."""
    leave_parents_launch()
    if PROCESS_TAG in context.run.tags:
        record_tags(context.instance, context.run, {PROCESS_TAG: context.run.tags[PROCESS_TAG]})
    try:
        opened = open_step(context, platform, DESTROY, destroying=True, from_ledger=config.from_ledger or None)
        with opened as env_context, noting_errors():
            check_confirmation(env_context.env.name, config.confirm)
            refuse_protected(env_context.env, "removed" if config.removed else "environment")
            _destroy(context, config, hear_progress(env_context))
    except ApprovalMissing as closed:
        context.log.warning(escape_lines(str(closed)))
        record_outcome(context.instance, context.run, WAITING)


def _destroy(context: dg.OpExecutionContext, config: Destruction, env_context: Context) -> None:
    env, instance, run = env_context.env, context.instance, context.run

    def begin(plan: TeardownPlan) -> None:
        if config.removed:
            return
        # From here on no sensor deploys, whatever becomes of this run.
        record_outcome(instance, run, DESTROYING)
        count = len(plan.removal.removes)
        if count:
            send_notification(env_context, destroy_started(env, run.run_id, count, delete_data=config.delete_data))

    result = destroy_environment(
        load_registry(),
        env_context,
        delete_data=config.delete_data,
        scope="removed" if config.removed else "environment",
        wait_for_lease=config.wait,
        begin=begin,
        report=lambda outcome: _show(context, outcome),
    )
    give_result(result)
    if not result.is_complete:
        failed = {outcome.unit: outcome.reason for outcome in result.of("failed")}
        command_for = remove_command if config.removed else destroy_command
        command = command_for(env, delete_data=config.delete_data)
        command += from_ledger_option(config.from_ledger)
        stopped = destroy_stopped(env, run.run_id, failed, command, is_part=config.removed)
        send_notification(env_context, stopped)
        raise OperationFailed(
            "\n".join(f"{unit}: {reason}" for unit, reason in failed.items()),
            next_step=f"fix the cause and continue with: {command}",
        )
    if not config.removed:
        record_outcome(instance, run, DESTROYED)


def _show(context: dg.OpExecutionContext, outcome: UnitOutcome) -> None:
    """What became of a unit, on its asset's page and for whoever watches."""
    line = describe_outcome(outcome)
    if outcome.state == "nothing":
        return
    tell_watches(line)
    context.log.info(escape_lines(line))
    shown = [f"- {code_span(removed.object)} {removed.why}" for removed in outcome.removed[:_SHOWN]]
    more = len(outcome.removed) - _SHOWN
    metadata: dict[str, Any] = {
        "result": escape_lines(line),
        "objects": dg.MetadataValue.md("\n".join([*shown, *([f"- and {more} more"] if more > 0 else [])])),
        "seconds": round(outcome.seconds, 2),
    }
    context.log_event(dg.AssetObservation(outcome.unit, partition=context.partition_key, metadata=metadata))


@dg.job(
    name=DESTROY,
    config=dg.PartitionedConfig(
        partitions_def=ENVIRONMENTS,
        run_config_for_partition_key_fn=lambda _: destroy_config(""),
    ),
    # One process holds the environment for all of it; its units are threads.
    executor_def=dg.in_process_executor,
    description="Take an environment away. Type its name as `confirm`; data stays but for `delete_data`.",
)
def destroy() -> None:
    """One removal."""
    remove()
