"""One Dagster run in this process, followed live. Imported where a run starts: Dagster takes a second to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import dagster as dg
from rich.console import Console

from eks_assets.cli.runs.abandoned import close_abandoned, process_tags
from eks_assets.cli.runs.event_log import EventLog
from eks_assets.cli.runs.follower import Follower
from eks_assets.cli.runs.result import UnitResult
from eks_assets.definitions import deploy_job
from eks_assets.graph.registry import Registry
from eks_assets.orchestration.home import open_instance
from eks_assets.orchestration.plan_assets import list_checks


def follow_run(
    environment: str,
    registry: Registry,
    names: Sequence[str],
    tags: Mapping[str, str],
    console: Console,
    log: EventLog,
) -> dict[str, UnitResult]:
    """Run those units of the environment with those tags; how each ended, failed ones first."""
    with open_instance() as instance:
        close_abandoned(instance)
        instance.add_dynamic_partitions("environments", [environment])
        tags = {"dagster/partition": environment, **process_tags(), **tags}
        # Dagster ends its steps first and raises then; how far each came stands in the follower's rows.
        with (
            suppress(dg.DagsterExecutionInterruptedError, KeyboardInterrupt),
            Follower(instance, environment, registry, names, console, log) as follower,
        ):
            # Entering the result would load resources again, and log that in a run that has ended.
            job = dg.reconstructable(deploy_job).get_subset(
                asset_selection=frozenset(dg.AssetKey(name) for name in names),
                asset_check_selection=frozenset(list_checks(registry, names)),
            )
            dg.execute_job(job, instance=instance, tags={**tags, **follower.tags}, raise_on_error=False)
        return follower.result()
