"""Starts a Dagster run of some units from the command line, and follows it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from rich.console import Console

from eks_assets.cli.runs.event_log import EventLog

if TYPE_CHECKING:
    from eks_assets.graph.registry import Registry
    from eks_assets.plan.unit_plan import UnitPlan
    from resources.config.environment import Environment


def _dagster_output_in_a_file() -> AbstractContextManager[None]:
    """The follower says what happens; Dagster's own console log would only repeat it. The UI has all of it."""
    from eks_assets.cli.runs.captured_stderr import output_to
    from eks_assets.orchestration.home import dagster_home

    return output_to(dagster_home() / "command-line.log")


@cache
def _start_forkserver() -> None:
    from eks_assets.orchestration import forkserver

    with _dagster_output_in_a_file():
        forkserver.start()


@dataclass(frozen=True)
class Launcher:
    """Launches runs of one environment that the UI shows too. `launch` names what holds the environment for all of
    them; `wait`: seconds to wait for another run to give it back, by default until a dead one would have lost it."""

    env: Environment
    registry: Registry
    console: Console
    log: EventLog
    wait: float | None = None
    launch: str = field(default_factory=lambda: f"launch-{uuid.uuid4().hex[:12]}")

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the environment over several runs. Raises LeaseHeld, saying who does."""
        from resources.aws.session import caller
        from resources.context import Context
        from resources.records.lease import OUTLIVES_A_DEAD_HOLDER, hold

        context = Context.of(self.env, lambda line: self.console.print(line, highlight=False, markup=False))
        context.launch = self.launch
        wait = OUTLIVES_A_DEAD_HOLDER if self.wait is None else self.wait
        with hold(context, who=f"{caller(self.env)}, command line", wait=wait, keep=False):
            yield

    def prepare(self, planned: UnitPlan) -> None:
        """Have the process that steps are forked from import its modules while others are still being planned."""
        if planned.needs_a_run:
            _start_forkserver()

    def run(self, names: list[str], tags: Mapping[str, str] | None = None) -> dict[str, tuple[str, str]]:
        """Run the units as one Dagster run with those tags, following it live; state and reason by unit."""
        with _dagster_output_in_a_file():
            return self._follow(names, tags or {})

    def _follow(self, names: list[str], more: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        import dagster as dg

        from eks_assets.cli.runs.abandoned import close_abandoned, process_tags
        from eks_assets.cli.runs.follower import Follower
        from eks_assets.definitions import deploy_job
        from eks_assets.orchestration.home import open_instance
        from eks_assets.orchestration.run_tags import LAUNCH_TAG, owner_tag

        with open_instance() as instance:
            close_abandoned(instance)
            instance.add_dynamic_partitions("environments", [self.env.name])
            tags = {
                "dagster/partition": self.env.name,
                LAUNCH_TAG: self.launch,
                **owner_tag(self.env),
                **process_tags(),
                **more,
            }
            # Dagster ends its steps first and raises then; what was left stands in the follower's rows.
            with (
                suppress(dg.DagsterExecutionInterruptedError, KeyboardInterrupt),
                Follower(instance, self.env.name, self.registry, names, self.console, self.log) as follower,
            ):
                # Entering the result would load resources again, and say so in the log of a run that has ended.
                dg.execute_job(
                    dg.reconstructable(deploy_job),
                    instance=instance,
                    tags={**tags, **follower.tags},
                    asset_selection=[dg.AssetKey(name) for name in names],
                    raise_on_error=False,
                )
            return follower.result()
