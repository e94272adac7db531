"""How the steps of a run are executed: one look at the environment first, then a process for each unit that has
something to do (docs/adr/0003-executor.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

import dagster as dg
from dagster._core.execution.api import create_execution_plan, execute_plan_iterator
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.multiprocess import MultiprocessExecutor

from eks_assets.engine.approval_request import request_approval
from eks_assets.engine.planner import WIDTH, plan_environment
from eks_assets.orchestration import dagster_patches
from eks_assets.orchestration.assets import RELEASE_PLAN
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.forkserver import PRELOAD
from eks_assets.orchestration.recorded_results import use_recorded_results
from eks_assets.orchestration.run_tags import (
    OUTCOME_TAG,
    OWNER_TAG,
    PROCESS_TAG,
    SENDER_TAG,
    launch_of,
    owner_tag,
    record_tags,
)
from eks_assets.plan.unit_plan import EnvironmentPlan, UnitPlan
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import ignore_progress
from resources.model.errors import PipelineError
from resources.records.launch import leave_parents_launch
from resources.records.platform import check_incumbent
from resources.support.processes import name_to_children


class PlanFirstExecutor(dg.Executor):
    """Records the units that are in order from one look, in this process, and leaves the others to `processes`.

    A run of the command line has been planned before it was launched, and an environment that can't be read is for the
    steps to report: both are executed by `processes` as they are."""

    def __init__(self, processes: dg.Executor) -> None:
        self._processes = processes

    @property
    def retries(self) -> RetryMode:
        return self._processes.retries

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Raises what the steps raise, and DagsterExecutionInterruptedError where the run is terminated."""
        dagster_patches.install_patches()
        leave_parents_launch()
        name_to_children()
        _record_own_tags(plan_context.instance, plan_context.dagster_run)
        _tag_with_owner(plan_context.instance, plan_context.dagster_run)
        steps = list(execution_plan.step_keys_to_execute)
        units = [step for step in steps if step in load_registry().by_name]
        plans = _in_order(plan_context.dagster_run, units, asks=RELEASE_PLAN in steps)
        if not plans:
            yield from self._processes.execute(plan_context, execution_plan)
            return
        # The release plan is made after what lies before the gate has changed, so it stays with those units.
        here = steps if len(plans) == len(units) else [step for step in steps if step in plans]
        plan_context.log.info(f"{len(plans)} of {len(units)} units have nothing to do: recorded from one look")
        with use_recorded_results(plan_context.run_id, plans):
            yield from execute_plan_iterator(
                _part(plan_context, execution_plan, here),
                plan_context.reconstructable_job,
                plan_context.dagster_run,
                plan_context.instance,
                self.retries,
                plan_context.run_config,
            )
        if there := [step for step in steps if step not in here]:
            yield from self._processes.execute(plan_context, _part(plan_context, execution_plan, there))


def _record_own_tags(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Record what the command line, in whose process we are, says of its run."""
    if launch_of(run):
        record_tags(instance, run, {tag: run.tags[tag] for tag in (OUTCOME_TAG, PROCESS_TAG) if tag in run.tags})


def _tag_with_owner(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Name the environment's owner on a run launched in the UI; sensors and the command line have tagged theirs."""
    environment = run.tags.get("dagster/partition")
    if environment is None or OWNER_TAG in run.tags:
        return
    with suppress(PipelineError):  # Of an environment that can't be read, the steps report.
        if tag := owner_tag(load_environment(environment)):
            instance.add_run_tags(run.run_id, tag)


def _in_order(run: dg.DagsterRun, units: Collection[str], *, asks: bool = False) -> Mapping[str, UnitPlan]:
    """The units of a run that have nothing to do, are healthy, and read from none that has something to do.

    `asks`: whether the run asks for approval. Its step for that comes after the waves before `applications`; where one
    of their units lies behind the gate, the run asks before its first step."""
    environment = run.tags.get("dagster/partition")
    if environment is None or launch_of(run) or not units:
        return {}
    registry = load_registry()
    try:
        context = Platform().open(environment, ignore_progress, run)
        check_incumbent(context)
        plan = plan_environment(registry, context, only=units)
        gated = set(plan.gated(registry, context.env)) & _changing(plan)
        if asks and context.env.approval and any(not registry[name].is_behind("approval") for name in gated):
            # As the step of the release plan does: Dagster runs as itself and knows no users.
            sender = run.tags.get(SENDER_TAG, "")
            request_approval(registry, context, context.env.approval, through="Dagster", sender=sender)
    except PipelineError:
        return {}
    to_run = plan.to_run(registry)
    return {unit.unit: unit for unit in plan.units if unit.unit not in to_run}


def _changing(plan: EnvironmentPlan) -> set[str]:
    return {unit.unit for unit in plan.units if unit.change.is_needed}


def _part(context: PlanOrchestrationContext, whole: ExecutionPlan, steps: list[str]) -> ExecutionPlan:
    return create_execution_plan(
        context.reconstructable_job,
        context.run_config,
        step_keys_to_execute=steps,
        known_state=whole.known_state,
        tags=context.dagster_run.tags,
        repository_load_data=whole.repository_load_data,
    )


@dg.executor(name="look_first", requirements=dg.multiple_process_executor_requirements())
def look_first(_: dg.InitExecutorContext) -> PlanFirstExecutor:
    """Steps wait for AWS, not for a core, so as many run at once as the graph is wide; a warm forkserver makes each of
    their processes cheap."""
    return PlanFirstExecutor(
        MultiprocessExecutor(
            retries=RetryMode.ENABLED,
            max_concurrent=WIDTH,
            start_method="forkserver",
            explicit_forkserver_preload=list(PRELOAD),
        )
    )
