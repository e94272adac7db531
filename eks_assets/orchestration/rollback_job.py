"""The job `rollback`: brings units of an environment back to what an earlier run applied, from Dagster's launchpad."""

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from eks_assets.engine.approval_request import request_approval
from eks_assets.engine.rollback import RollbackPlan, find_target, plan_rollback
from eks_assets.engine.rollback_run import UnitEnd, run_rollback
from eks_assets.engine.undo import undo_deploy
from eks_assets.orchestration.environments import ENVIRONMENTS, Platform, open_step
from eks_assets.orchestration.run_tags import SENDER_TAG, WAITING, record_outcome
from eks_assets.orchestration.unit_events import UnitEvent, unit_events
from eks_assets.units import load_registry
from resources.aws.session import caller_arn
from resources.context import Context
from resources.model.display import escape_lines
from resources.model.errors import ApprovalMissing, ConfigError, OperationFailed
from resources.records.rollbacks import describe_target

ROLLBACK, OP = "rollback", "roll_back"
DEPLOY, _PARTITION = "deploy", "dagster/partition"


class RollbackTo(dg.Config):
    """Which run, and which units."""

    run: str = Field(default="", description="Back to the end of this run; empty: the last with green validation.")
    units: list[str] = Field(default=[], description="Only these units; empty: every one that changed since.")
    undo: str = Field(
        default="", description="A run of `deploy` that failed: only what it changed goes back. Without `run`, `units`."
    )


def undo_config(run_id: str) -> dict[str, Any]:
    """The run config that takes back what that run has changed."""
    return {"ops": {OP: {"config": {"run": "", "units": [], "undo": run_id}}}}


@dg.op(
    out={}, description="Bring units back to what an earlier run applied, and hold them there until their files change."
)
def roll_back(context: dg.OpExecutionContext, config: RollbackTo, platform: Platform) -> Iterator[UnitEvent]:
    """Each unit's result is on its own asset's page. Fails where a unit did, or a check of one is red."""
    ends = list[UnitEnd]()
    with open_step(context, platform, ROLLBACK) as env_context:
        for end in (_undo if config.undo else _go_back)(context, config, env_context):
            ends.append(end)
            yield from unit_events(context, env_context.env, end)
        if any(isinstance(end.error, ApprovalMissing) for end in ends):
            _ask(context, env_context)
        else:
            _fail_with(ends)


def _go_back(context: dg.OpExecutionContext, config: RollbackTo, env_context: Context) -> Iterator[UnitEnd]:
    """To the end of an earlier run."""
    registry = load_registry()
    if unknown := set(config.units) - registry.by_name.keys():
        raise ConfigError(f"there is no unit {', '.join(sorted(unknown))}")
    target = find_target(env_context, config.run or None)
    plan = plan_rollback(registry, env_context, target, set(config.units) or None)
    _tell(context, plan)
    if plan.holds:
        yield from run_rollback(registry, env_context, plan, caller_arn(env_context.env))


def _undo(context: dg.OpExecutionContext, config: RollbackTo, env_context: Context) -> Iterator[UnitEnd]:
    """To how it was before a deploy that failed."""
    if config.run or config.units:
        raise ConfigError("undo stands alone: what that run has changed goes back, and nothing else")
    record = context.instance.get_run_record_by_id(config.undo)
    run = record.dagster_run if record else None
    is_own = run is not None and (run.job_name, run.tags.get(_PARTITION)) == (DEPLOY, context.partition_key)
    if record is None or not is_own or record.start_time is None or record.dagster_run.is_success:
        raise ConfigError(f"{config.undo[:40]!a} is no run of the job {DEPLOY} on {context.partition_key} that failed")
    began, who = dt.datetime.fromtimestamp(record.start_time, dt.UTC), caller_arn(env_context.env)
    tell = partial(_tell, context)
    yield from undo_deploy(load_registry(), env_context, began, who, run=config.undo, report=tell)


def _tell(context: dg.OpExecutionContext, plan: RollbackPlan) -> None:
    """What goes back, and what stays and why: before anything starts."""
    for step in plan.stays:
        context.log.warning(escape_lines(f"{step.unit} stays: {step.reason}"))
    names = ", ".join(hold.unit for hold in plan.holds)
    text = f"goes back: {names}" if names else f"nothing has changed since {describe_target(plan.target.run)}"
    context.log.info(text)


def _fail_with(ends: Sequence[UnitEnd]) -> None:
    """Raises what a unit failed with, or names those that are not healthy."""
    for end in ends:
        if end.error is not None:
            raise end.error
    if bad := [end.unit.name for end in ends if not end.is_good]:
        raise OperationFailed(f"not healthy after the rollback: {', '.join(bad)}")


def _ask(context: dg.OpExecutionContext, env_context: Context) -> None:
    """Put up for approval what waits for it."""
    approval, sender = env_context.env.approval, context.run.tags.get(SENDER_TAG, "")
    if approval is not None:
        env_context.cache.clear()
        request_approval(load_registry(), env_context, approval, through="Dagster", sender=sender)
        record_outcome(context.instance, context.run, WAITING)


@dg.job(
    name=ROLLBACK,
    config=dg.PartitionedConfig(
        partitions_def=ENVIRONMENTS,
        run_config_for_partition_key_fn=lambda _: {"ops": {OP: {"config": {"run": "", "units": [], "undo": ""}}}},
    ),
    description="Bring units back to what an earlier run applied, and hold them there until their files change.",
)
def rollback() -> None:
    """One rollback."""
    roll_back()
