"""Starts a Dagster run of some units from the command line, and follows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache

from rich.console import Console

from eks_assets.cli.console import print_text
from eks_assets.cli.runs.captured_stderr import output_to
from eks_assets.cli.runs.event_log import EventLog
from eks_assets.cli.runs.result import UnitResult
from eks_assets.graph.registry import Registry
from eks_assets.orchestration import forkserver
from eks_assets.orchestration.home import dagster_home
from eks_assets.orchestration.run_tags import LAUNCH_TAG, owner_tag
from eks_assets.plan.unit_plan import UnitPlan
from resources.aws.session import caller_arn
from resources.config.environment import Environment
from resources.context import Context
from resources.records.launch import new_launch_name
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER, hold_lease


def _dagster_output_in_a_file() -> AbstractContextManager[None]:
    """The follower shows what happens; Dagster's own console log would only repeat it. The UI has all of it."""
    return output_to(dagster_home() / "command-line.log")


@cache
def _start_forkserver() -> None:
    with _dagster_output_in_a_file():
        forkserver.start_forkserver()


@dataclass(frozen=True)
class Launcher:
    """Launches runs of one environment that the UI shows too. `launch` names what holds the environment for all of
    them; `wait`: seconds to wait for another run to give it back, by default until a dead one would have lost it."""

    env: Environment
    registry: Registry
    console: Console
    log: EventLog
    wait: float | None = None
    launch: str = field(default_factory=new_launch_name)

    @contextmanager
    def holding(self) -> Iterator[Context]:
        """Hold the environment over several runs, with the context that holds it. Raises LeaseHeld, saying who does."""
        context = Context.of(self.env, lambda line: print_text(self.console, line))
        context.launch = self.launch
        wait = OUTLIVES_A_DEAD_HOLDER if self.wait is None else self.wait
        with hold_lease(context, who=f"{caller_arn(self.env)}, command line", wait=wait, keep=False):
            yield context

    def prepare(self, planned: UnitPlan) -> None:
        """Have the process that steps are forked from import its modules while others are still being planned."""
        if planned.needs_a_run:
            _start_forkserver()

    def run(self, names: list[str], tags: Mapping[str, str] | None = None) -> dict[str, UnitResult]:
        """Run the units as one Dagster run with those tags, following it live; how each ended, failed ones first."""
        with _dagster_output_in_a_file():
            # Here, since Dagster takes a second to load and many a deploy has nothing to run.
            from eks_assets.cli.runs.dagster_run import follow_run

            tags = {LAUNCH_TAG: self.launch, **owner_tag(self.env), **(tags or {})}
            return follow_run(self.env.name, self.registry, names, tags, self.console, self.log)
