"""What the commands that deploy share: planned in this process, launched as Dagster runs, and the lines that end it."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from eks_assets.cli.arguments import LogFormat
from eks_assets.cli.console import print_text
from eks_assets.cli.runs.approval_stop import stop_at_gate
from eks_assets.cli.runs.denied_calls import find_denied_calls
from eks_assets.cli.runs.event_log import Event, EventLog, event_log, run_finished
from eks_assets.cli.runs.launcher import Launcher
from eks_assets.cli.runs.result import DeployResult, UnitResult
from eks_assets.engine.planner import plan_environment
from eks_assets.engine.teardown.removed import list_unwanted
from eks_assets.graph.registry import Registry
from eks_assets.orchestration.run_tags import OUTCOME_TAG, WAITING
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.plan.wording import unwanted_line
from resources.bootstrap.boundary_check import check_boundaries
from resources.config.environment import Environment
from resources.context import Context
from resources.doctor.preflight import refuse_certain_failures
from resources.model.display import escape_lines
from resources.model.errors import PipelineError, Transient, Unreachable
from resources.model.specs import Stack

Order: TypeAlias = Callable[[list[str]], list[list[str]]]


@dataclass(frozen=True)
class Output:
    """Where a command says what happens: lines for people on `console`, events in `log`, and with `as_json` the result
    alone on stdout. `command`: what continues it; `way_back`: what undoes it, where something does."""

    console: Console
    log: EventLog
    command: str
    as_json: bool
    way_back: str = ""
    began: float = field(default_factory=time.monotonic)
    began_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @classmethod
    def of(
        cls,
        env: Environment,
        registry: Registry,
        command: str,
        log_format: LogFormat,
        *,
        as_json: bool,
        way_back: str = "",
    ) -> Output:
        # A descriptor of its own: stderr itself is kept for Dagster while a run goes on.
        stream = os.fdopen(os.dup(2 if as_json else 1), "w")
        console = Console(file=stream, soft_wrap=True, quiet=log_format is LogFormat.JSON)
        return cls(
            console, event_log(log_format is LogFormat.JSON, stream, env.name, registry), command, as_json, way_back
        )

    def end(self, result: DeployResult, context: Context) -> None:
        """The last lines, and the end of the command with the result's exit code."""
        environment, seconds = context.env.name, round(time.monotonic() - self.began, 1)
        self.log(run_finished(result.outcome, result.failed, self.command, seconds))
        denied = find_denied_calls(context, result.failed, self.began_at, self.console)
        if self.as_json:
            print(json.dumps(result.as_json(environment, seconds, denied)))
        else:
            print_result(result, environment, seconds, self.console, self.command, denied, self.way_back)
        raise SystemExit(result.exit_code)


def deploy_units(
    launcher: Launcher,
    context: Context,
    chosen: Collection[str] | None,
    before: Callable[[Context], None] = lambda _: None,
    order: Order = lambda names: [names],
) -> DeployResult:
    """Plan, and launch what has something to do of all units or those `chosen`. `before`: called with the environment
    held, once it is certain that something is launched; `order`: the units that are launched together, one after the
    other.

    Raises PipelineError where something cannot be planned or would fail for certain: nothing is started then."""
    registry = launcher.registry
    plan = plan_environment(registry, context, only=chosen, progress=launcher.prepare)
    refuse_errors(plan)
    names = [name for name in plan.to_run(registry) if chosen is None or name in chosen]
    if any(unit.unit in names and isinstance(unit.spec, Stack) for unit in plan.units):
        check_boundaries(context)
        refuse_certain_failures(context, names)
    unwanted = list_unwanted(registry, context, plan)
    result = _run(launcher, plan, names, before, order) if names else DeployResult(len(plan.units))
    return replace(result, unwanted=unwanted)


def _run(
    launcher: Launcher, plan: EnvironmentPlan, names: list[str], before: Callable[[Context], None], order: Order
) -> DeployResult:
    """Run those units that need no approval, then those behind the gate that are approved, and what depends on them."""
    env, registry, console, log = launcher.env, launcher.registry, launcher.console, launcher.log
    held_back = {*plan.gated(registry, env), *registry.descendants(unit.unit for unit in plan.units if unit.reach)}
    free = [name for name in names if name not in held_back]
    with launcher.holding() as held:
        before(held)
        if free:
            print_text(console, f"{env.name}: {len(free)} of {len(plan.units)} units have something to do")
            log(Event("planned", f"{len(free)} of {len(plan.units)} units have something to do"))
        # What lies behind the gate has not run yet, so the end of this run is not the deploy's.
        tags = {} if len(free) == len(names) else {OUTCOME_TAG: WAITING}
        rows = _launch(launcher, order(free), tags) if free else {}
        # What another unit's change has turned into one of identity or reach has stopped at the gate by itself.
        stopped = any(unit.state == WAITING for unit in rows.values())
        if not stopped and (len(free) == len(names) or any(unit.state != "done" for unit in rows.values())):
            return DeployResult(len(plan.units), rows)
        gate = stop_at_gate(registry, env, plan, console, log, stopped=stopped)
        behind = [name for name in gate.names if name in names]
        return DeployResult(
            len(plan.units), rows | (_launch(launcher, order(behind), {}) if behind else {}), gate.waiting
        )


def _launch(launcher: Launcher, batches: list[list[str]], tags: Mapping[str, str]) -> dict[str, UnitResult]:
    """Launch one after the other, until one of them does not end well."""
    rows: dict[str, UnitResult] = {}
    for number, batch in enumerate(batches):
        if any(unit.state != "done" for unit in rows.values()):
            left = (name for names in batches[number:] for name in names)
            return rows | {name: UnitResult("skipped", "it waits for what goes back before it") for name in left}
        # What is launched after it has not run yet, so the end of this run is not the end of all.
        more = {OUTCOME_TAG: WAITING} if number < len(batches) - 1 else {}
        rows |= launcher.run(batch, {**tags, **more})
    return rows


def refuse_errors(plan: EnvironmentPlan) -> None:
    """Raises one error for all that a plan has, with the first one's next step and exit code: nothing is started on
    wrong input. An API server that lets nobody in is none: what the deploy changes may be the rule that is missing."""
    passing = (Transient, Unreachable)
    errors = {u.unit: u.error for u in plan.errors if u.error is not None and not isinstance(u.error, passing)}
    if errors:
        first = next(iter(errors.values()))
        lines = "\n".join(f"{unit}: {error.message}" for unit, error in errors.items())
        raise PipelineError(lines, next_step=first.next_step, bad_input=first.exit_code == 2) from first


def print_result(
    result: DeployResult,
    environment: str,
    seconds: float,
    console: Console,
    command: str,
    denied: str = "",
    way_back: str = "",
) -> None:
    """The last lines: failed units first, each with its reason, what AWS `denied`, then the command that continues and
    the one that goes back."""
    for name, reason in result.failed.items():
        console.print(Text.assemble(("failed", "red"), f" {name}: {escape_lines(reason)}"))
    if denied:
        print_text(console, denied)
    for name, reason in result.skipped.items():
        print_text(console, f"not run {name}: {reason}", "dim")
    if result.failed:
        print_text(console, f"Fix the cause and continue with: {command}")
        if way_back:
            print_text(console, f"Or go back to the last run that was green with: {way_back}")
    if line := unwanted_line(environment, result.unwanted):
        print_text(console, line, "yellow")
    print_text(console, f"{environment}: {result.outcome}, {result.units} units in {seconds} s")
