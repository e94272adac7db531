"""Environments as Dagster's partitions: opening one, and turning its errors into Dagster's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from eks_assets.engine.kept_environment import load_kept_environment
from eks_assets.orchestration.run_tags import REPAIR_TAG, launch_of
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import escape_lines
from resources.model.errors import ApprovalMissing, ConfigError, PipelineError, Transient
from resources.records.platform import check_incumbent

ENVIRONMENTS = dg.DynamicPartitionsDefinition(name="environments")


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens an environment by its name: the validated file, and AWS and the cluster behind it."""

    def open(
        self,
        name: str,
        progress: Callable[[str], None],
        run: dg.DagsterRun,
        *,
        planning: bool = False,
        destroying: bool = False,
        from_ledger: str | None = None,
    ) -> Context:
        """As the deployer; `planning`: as the planner, `destroying`: as the destroyer, where the environment names one.
        `from_ledger`: the region whose ledger says what the environment is, since its file is gone.

        Raises ConfigError for a file that is wrong and for a partition key that is no environment's name (anybody with
        the UI can add one); nothing is contacted yet, but for `from_ledger`, and as `load_kept_environment`."""
        if from_ledger:
            env = load_kept_environment(name, from_ledger)
        else:
            env = load_environment(name, known_units=load_registry().by_name)
        if env.name != name:
            raise ConfigError(f"the partition {name!a} opens environment {env.name}; allowed: its own name")
        env_context = Context.of(env, progress, run.run_id, planning=planning, destroying=destroying)
        env_context.launch = launch_of(run)
        env_context.repairs = run.tags.get(REPAIR_TAG)
        return env_context


StepContext = dg.AssetExecutionContext | dg.AssetCheckExecutionContext | dg.OpExecutionContext


@contextmanager
def open_step(
    context: StepContext,
    platform: Platform,
    step: str,
    *,
    planning: bool = False,
    destroying: bool = False,
    from_ledger: str | None = None,
) -> Iterator[Context]:
    """Open the environment of a step, named `step` in its log, and turn the project's errors into Dagster's.
    `planning`, `destroying`, `from_ledger`: as in `Platform.open`.

    Raises dg.RetryRequested for a transient error, as often as the environment's settings allow, and dg.Failure, which
    is not retried, for any other. ApprovalMissing passes: a closed gate is no failure."""
    if not context.has_partition_key:
        # As "Execute all" in the UI's Checks tab launches it.
        way_out = "launch a job (drift, plan_environment, deploy) or materialize, and choose a partition"
        raise step_failure(ConfigError(f"{step}: no environment was chosen", next_step=way_out))
    try:
        env_context = platform.open(
            context.partition_key,
            lambda line: context.log.info(escape_lines(line)),
            context.run,
            planning=planning,
            destroying=destroying,
            from_ledger=from_ledger,
        )
    except PipelineError as error:
        raise step_failure(error) from None
    retry = env_context.env.retry
    try:
        check_incumbent(env_context)
        yield env_context
    except ApprovalMissing:
        raise
    except PipelineError as error:
        if isinstance(error, Transient) and context.retry_number < retry.attempts - 1:
            context.log.warning(escape_lines(f"{step}: attempt {context.retry_number + 1}: {error}"))
            delay = error.retry_after or retry.seconds
            raise dg.RetryRequested(retry.attempts - 1, seconds_to_wait=delay) from error
        raise step_failure(error) from error


def step_failure(error: PipelineError) -> dg.Failure:
    """The failure that ends a step, with the next step as metadata."""
    extra = {"next_step": escape_lines(error.next_step, "")} if error.next_step else {}
    return dg.Failure(escape_lines(str(error), ""), metadata=extra, allow_retries=False)
