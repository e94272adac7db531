"""One Dagster run of the job `upgrade` in this process. Imported where it starts: Dagster takes a second to load."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dagster as dg

from eks_assets.cli.runs.abandoned import close_abandoned, process_tags
from eks_assets.definitions import upgrade_job
from eks_assets.orchestration.home import open_instance
from eks_assets.orchestration.upgrade_job import upgrade_config
from eks_assets.orchestration.watching import watch_runs
from resources.model.errors import OperationFailed
from sensors.run_report import failure_of


def run_upgrade_job(
    environment: str, tags: Mapping[str, str], progress: Callable[[str], None], *, to: str, wait: float
) -> str:
    """Upgrade the environment's cluster as a run that the UI shows too; how it ended. `progress`: hears each line;
    `wait`: seconds for another run to end.

    Raises what stopped it: ConfigError, Refused, ApprovalMissing, LeaseHeld, AccessDenied, OperationFailed."""
    with open_instance() as instance, watch_runs(progress) as watch:
        close_abandoned(instance)
        instance.add_dynamic_partitions("environments", [environment])
        try:
            done = dg.execute_job(
                dg.reconstructable(upgrade_job),
                instance=instance,
                run_config=upgrade_config(to, wait),
                tags={"dagster/partition": environment, **process_tags(), **tags},
                raise_on_error=False,
            )
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        if watch.error is not None:
            raise watch.error
        if isinstance(watch.result, str):
            return watch.result
        failed = failure_of(instance, done.run_id)
        raise OperationFailed(f"{failed.unit}: {failed.reason}", next_step=failed.next_step)
