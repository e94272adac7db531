"""One Dagster run of the job `destroy` in this process. Imported where it starts: Dagster takes a second to load."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dagster as dg

from eks_assets.cli.runs.abandoned import close_abandoned, process_tags
from eks_assets.definitions import destroy_job
from eks_assets.engine.teardown.removal import TeardownResult
from eks_assets.orchestration.destroy_job import destroy_config
from eks_assets.orchestration.home import open_instance
from eks_assets.orchestration.watching import watch_runs
from resources.model.errors import OperationFailed
from sensors.run_report import failure_of


def run_destroy(
    environment: str,
    tags: Mapping[str, str],
    progress: Callable[[str], None],
    *,
    delete_data: bool,
    wait: float,
    removed: bool = False,
    from_ledger: str = "",
) -> TeardownResult:
    """Remove the environment, or what of it is `removed` from its files, as a run that the UI shows too.

    `from_ledger`: the region whose ledger says what it is, where its file is gone; `progress`: hears each line; `wait`:
    seconds for another run to end. Where something could not be removed, the result says so.
    Raises what stopped it before that: ConfigError, Refused, ApprovalMissing, LeaseHeld, AccessDenied."""
    with open_instance() as instance, watch_runs(progress) as watch:
        close_abandoned(instance)
        instance.add_dynamic_partitions("environments", [environment])
        try:
            done = dg.execute_job(
                dg.reconstructable(destroy_job),
                instance=instance,
                run_config=destroy_config(
                    environment, delete_data=delete_data, removed=removed, from_ledger=from_ledger, wait=wait
                ),
                tags={"dagster/partition": environment, **process_tags(), **tags},
                raise_on_error=False,
            )
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        if isinstance(watch.result, TeardownResult):
            return watch.result
        if watch.error is not None:
            raise watch.error
        failed = failure_of(instance, done.run_id)
        raise OperationFailed(f"{failed.unit}: {failed.reason}", next_step=failed.next_step)
