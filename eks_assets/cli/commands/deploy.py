"""`eks-assets deploy`: plan in this process, launch only what has something to do, as Dagster runs."""

from __future__ import annotations

import json
import os
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from eks_assets.cli.arguments import EnvironmentName, Json, LogFormat, LogFormatOption, Only, WaveOption
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.cli.runs.approval_stop import stop_at_gate
from eks_assets.cli.runs.event_log import Event, event_log, log_refusals, run_finished
from eks_assets.cli.runs.launcher import Launcher
from eks_assets.cli.runs.result import DeployResult
from eks_assets.cli.selection import select_units
from eks_assets.engine.planner import plan_environment
from eks_assets.orchestration.run_tags import OUTCOME_TAG, WAITING
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.units import load_registry
from resources.approval.record import check_gate
from resources.bootstrap.boundary_check import check_boundaries
from resources.config.loader import load_environment
from resources.doctor.preflight import refuse_certain_failures
from resources.model.display import escape_lines
from resources.model.errors import PipelineError, Transient
from resources.model.specs import Stack

Wait = Annotated[
    float | None,
    typer.Option("--wait", min=0, help="Seconds to wait where another run holds the environment; 0 leaves at once."),
]


def deploy(
    environment: EnvironmentName,
    only: Only = None,
    wave: WaveOption = None,
    json_output: Json = False,
    log_format: LogFormatOption = LogFormat.PLAIN,
    wait: Wait = None,
) -> None:
    """Bring an environment to what its file says. A second deploy continues where the first stopped.

    Exit 3 where something waits for approval."""
    began = time.monotonic()
    # A descriptor of its own: stderr itself is kept for Dagster while a run goes on.
    stream = os.fdopen(os.dup(2 if json_output else 1), "w")
    console = Console(file=stream, soft_wrap=True, quiet=log_format is LogFormat.JSON)
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    log = event_log(log_format is LogFormat.JSON, stream, env.name, registry)
    chosen = select_units(registry, only, wave)
    with log_refusals(log):
        launcher = Launcher(env, registry, console, log, wait)
        context = open_environment(env)
        check_gate(context)
        plan = plan_environment(registry, context, only=chosen, progress=launcher.prepare)
        refuse_errors(plan)
        names = [name for name in plan.to_run(registry) if chosen is None or name in chosen]
        if any(unit.unit in names and isinstance(unit.spec, Stack) for unit in plan.units):
            check_boundaries(context)
            refuse_certain_failures(context, names)
        result = _run(launcher, plan, names) if names else DeployResult(len(plan.units))
    seconds = round(time.monotonic() - began, 1)
    log(run_finished(result.outcome, result.failed, _command(env.name), seconds))
    if json_output:
        print(json.dumps(result.as_json(env.name, seconds)))
    else:
        print_result(result, env.name, seconds, console)
    raise SystemExit(result.exit_code)


def _run(launcher: Launcher, plan: EnvironmentPlan, names: list[str]) -> DeployResult:
    """Run those units that need no approval, then those behind the gate that are approved, and what depends on them."""
    env, registry, console, log = launcher.env, launcher.registry, launcher.console, launcher.log
    held_back = {*plan.gated(registry, env), *registry.descendants(unit.unit for unit in plan.units if unit.reach)}
    free = [name for name in names if name not in held_back]
    with launcher.holding():
        if free:
            print_text(console, f"{env.name}: {len(free)} of {len(plan.units)} units have something to do")
            log(Event("planned", f"{len(free)} of {len(plan.units)} units have something to do"))
        # What lies behind the gate has not run yet, so the end of this run is not the deploy's.
        tags = {} if len(free) == len(names) else {OUTCOME_TAG: WAITING}
        rows = launcher.run(free, tags) if free else {}
        # What another unit's change has turned into one of identity or reach has stopped at the gate by itself.
        stopped = any(unit.state == WAITING for unit in rows.values())
        if not stopped and (len(free) == len(names) or any(unit.state != "done" for unit in rows.values())):
            return DeployResult(len(plan.units), rows)
        gate = stop_at_gate(registry, env, plan, console, log, stopped=stopped)
        behind = [name for name in gate.names if name in names]
        return DeployResult(len(plan.units), rows | (launcher.run(behind) if behind else {}), gate.waiting)


def refuse_errors(plan: EnvironmentPlan) -> None:
    """Raises one error for all that a plan has, with the first one's next step and exit code: nothing is started on
    wrong input."""
    errors = {u.unit: u.error for u in plan.errors if u.error is not None and not isinstance(u.error, Transient)}
    if errors:
        first = next(iter(errors.values()))
        lines = "\n".join(f"{unit}: {error.message}" for unit, error in errors.items())
        raise PipelineError(lines, next_step=first.next_step, bad_input=first.exit_code == 2) from first


def print_result(result: DeployResult, environment: str, seconds: float, console: Console) -> None:
    """The last lines: failed units first, each with its reason, then the command that continues."""
    for name, reason in result.failed.items():
        console.print(Text.assemble(("failed", "red"), f" {name}: {escape_lines(reason)}"))
    for name, reason in result.skipped.items():
        print_text(console, f"not run {name}: {reason}", "dim")
    if result.failed:
        print_text(console, f"Fix the cause and continue with: {_command(environment)}")
    print_text(console, f"{environment}: {result.outcome}, {result.units} units in {seconds} s")


def _command(environment: str) -> str:
    return f"eks-assets deploy {environment}"
