"""Environments as Dagster's partitions: opening one, and turning its errors into Dagster's."""

from collections.abc import Callable

import dagster as dg

from eks_assets.orchestration.run_tags import launch_of
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.errors import ApprovalMissing, PipelineError, Transient

ENVIRONMENTS = dg.DynamicPartitionsDefinition(name="environments")


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens an environment by its name: the validated file, and AWS and the cluster behind it."""

    def open(self, name: str, progress: Callable[[str], None], run: dg.DagsterRun) -> Context:
        """Raises ConfigError for a file that is wrong; nothing is contacted yet."""
        env_context = Context.of(load_environment(name), progress, run.run_id)
        env_context.launch = launch_of(run)
        return env_context


StepContext = dg.AssetExecutionContext | dg.AssetCheckExecutionContext | dg.OpExecutionContext


class translated:
    """Opens the environment of a step and turns the project's errors into Dagster's: transient ones into retries by
    the environment's settings, others into a failure that is not tried again. A closed gate passes through."""

    def __init__(self, context: StepContext, platform: Platform, step: str) -> None:
        self._context, self._platform, self._step = context, platform, step
        self._env: Environment | None = None

    def __enter__(self) -> Context:
        try:
            env_context = self._platform.open(self._context.partition_key, self._context.log.info, self._context.run)
        except PipelineError as error:
            raise failure(error) from None
        self._env = env_context.env
        return env_context

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Transient) and self._env is not None:
            retry = self._env.retry
            if self._context.retry_number < retry.attempts - 1:
                self._context.log.warning(f"{self._step}: attempt {self._context.retry_number + 1}: {error}")
                raise dg.RetryRequested(
                    retry.attempts - 1, seconds_to_wait=error.retry_after or retry.seconds
                ) from error
        if isinstance(error, PipelineError) and not isinstance(error, ApprovalMissing):
            raise failure(error) from error


def failure(error: PipelineError) -> dg.Failure:
    """The failure that ends a step, with the next step as metadata."""
    extra = {"next_step": error.next_step} if error.next_step else {}
    return dg.Failure(str(error), metadata=extra, allow_retries=False)
