"""`eks-assets status`: how an environment is now. It observes, it does not quote the last run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.engine.drift.repair import UnitRepair, choose_repairs
from eks_assets.engine.planner import plan_environment
from eks_assets.engine.teardown.removed import list_unwanted
from eks_assets.engine.upgrade.progress import UpgradeProgress, read_progress
from eks_assets.graph.registry import Registry
from eks_assets.plan.drift_wording import age_words
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan
from eks_assets.plan.wording import unwanted_line
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import escape_lines
from resources.model.errors import NotFound, PipelineError
from resources.records.drift_runs import DriftRun, last_drift_run
from resources.support.background import in_background

PIPE_WIDTH = 500  # columns where there is no terminal to ask
_STYLE = {
    "in_sync": "green",
    "pending": "yellow",
    "failed": "red",
    "waiting": "yellow",
    "unknown": "magenta",
    "disabled": "dim",
}


def status(environment: EnvironmentName, json_output: Json = False) -> None:
    """Show every unit and its health checks as they are now.

    Exit 0 all well, 1 something failed, 4 something pending."""
    began = time.monotonic()
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    context = open_environment(env)
    reading = in_background(partial(_last_drift, context), "last drift run")
    upgrading = in_background(partial(_upgrade, registry, context), "upgrade")
    plan = plan_environment(registry, context)
    drift, upgrade = reading.result(), upgrading.result()
    repairs = _repairs(registry, env, drift)
    if json_output:
        print(json.dumps(status_report(plan, drift, repairs, upgrade), indent=2))
    else:
        # Elsewhere than on a terminal a row stays a line: grep and logs read it.
        console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
        unwanted = list_unwanted(registry, context, plan)
        print_status(plan, console, time.monotonic() - began, drift, repairs, unwanted, upgrade)
    raise SystemExit(exit_code(plan))


def _last_drift(context: Context) -> DriftRun | PipelineError | None:
    """What the newest drift run found, or why that cannot be read; None where there has been none."""
    try:
        last = last_drift_run(context)
    except NotFound:  # not bootstrapped yet
        return None
    except PipelineError as error:
        return error
    return last[1] if last else None


def _upgrade(registry: Registry, context: Context) -> UpgradeProgress | None:
    """Where an upgrade stands; None where none does, or that cannot be read."""
    with suppress(PipelineError):
        return read_progress(registry, context)
    return None


def _repairs(
    registry: Registry, env: Environment, drift: DriftRun | PipelineError | None
) -> tuple[UnitRepair, ...] | None:
    """What becomes of the findings by itself; None where nothing does."""
    if not isinstance(drift, DriftRun) or env.drift is None or not env.drift.auto_repair:
        return None
    return choose_repairs(registry, env, drift, datetime.now(UTC))


def exit_code(plan: EnvironmentPlan) -> int:
    """0 all well, 1 something failed or a check is red, 3 only an approval is missing, 4 something pending."""
    states = {u.state for u in plan.units}
    if states & {"failed", "unknown"} or any(
        not c.passed for u in plan.units for c in u.checks if u.state not in ("pending", "waiting")
    ):
        return 1
    return 4 if "pending" in states else 3 if "waiting" in states else 0


def status_report(
    plan: EnvironmentPlan,
    drift: DriftRun | PipelineError | None = None,
    repairs: Sequence[UnitRepair] | None = None,
    upgrade: UpgradeProgress | None = None,
) -> dict[str, Any]:
    """What `status --json` prints: docs/status.md, docs/status.schema.json. `drift`: what the last run found, or why
    that cannot be read; `repairs`: what becomes of that by itself, None where nothing does; `upgrade`: where one
    stands."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "environment": plan.environment,
        "units": [
            {
                "unit": u.unit,
                "wave": u.wave,
                "state": u.state,
                "checks": [_check(c, now) for c in u.checks],
                **({"held": u.held} if u.held else {}),
                **({"error": u.error.message} if u.error else {}),
            }
            for u in plan.units
        ],
        "drift": _drift(drift, repairs),
        **({"upgrade": upgrade.as_json()} if upgrade else {}),
    }


def _drift(
    drift: DriftRun | PipelineError | None, repairs: Sequence[UnitRepair] | None = None
) -> dict[str, Any] | None:
    if isinstance(drift, PipelineError):
        return {"error": drift.message}
    if drift is None:
        return None
    counts = {"findings": len(drift.open), "unknown": drift.unknown, "ignored": drift.ignored}
    at = drift.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    repair = {} if repairs is None else {"repair": [{"unit": r.unit, "reason": r.reason} for r in repairs]}
    return {"at": at, "age_seconds": round(_age(drift)), "run": drift.run, **counts, **repair}


def _age(drift: DriftRun) -> float:
    """Seconds since the run, never less than none, whatever this machine's clock says."""
    return max(0.0, (datetime.now(UTC) - drift.at).total_seconds())


def _check(check: CheckState, now: str) -> dict[str, Any]:
    """`since`: when AWS or the cluster says that this result began; else the time of this command."""
    return {
        "name": check.name,
        "expected": check.expected,
        "passed": check.passed,
        "detail": check.detail,
        "since": check.since or now,
    }


def print_status(
    plan: EnvironmentPlan,
    console: Console,
    seconds: float,
    drift: DriftRun | PipelineError | None = None,
    repairs: Sequence[UnitRepair] | None = None,
    unwanted: Sequence[str] = (),
    upgrade: UpgradeProgress | None = None,
) -> None:
    """The table for people, a line about the last drift run with one for each unit that it found something in, where
    that is repaired by itself, what is `unwanted` and stands, where an upgrade stands, and a last line that counts the
    states. `seconds`: how long the command took."""
    table = Table(box=None, pad_edge=False)
    for heading in ("wave", "unit", "state", "detail"):
        table.add_column(heading, no_wrap=heading != "detail")
    for u in plan.units:
        table.add_row(
            Text(u.wave, style="dim"),
            Text(u.unit),
            Text(u.state, style=_STYLE[u.state]),
            Text(escape_lines(u.detail), style="" if u.trouble else "dim"),
        )
    console.print(table)
    print_text(
        console, f"drift: {_drift_words(drift)}", "yellow" if isinstance(drift, DriftRun) and drift.open else "dim"
    )
    for repair in repairs or ():
        what = f"not repaired: {repair.reason}" if repair.reason else "repaired by itself, once for these findings"
        print_text(console, f"  {repair.unit}: {what}", "dim")
    if line := unwanted_line(plan.environment, unwanted):
        print_text(console, line, "yellow")
    for line in upgrade.describe(plan.environment) if upgrade else ():
        print_text(console, escape_lines(line), "yellow")
    counts = {state: sum(u.state == state for u in plan.units) for state in _STYLE}
    counted = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    print_text(console, f"{plan.environment}: {counted} ({seconds:.1f} s)")


def _drift_words(drift: DriftRun | PipelineError | None) -> str:
    if isinstance(drift, PipelineError):
        return f"the last run cannot be read: {drift.message}"
    if drift is None:
        return "no run yet"
    ignored = f", {drift.ignored} ignored" if drift.ignored else ""
    age = age_words(_age(drift))
    return f"{len(drift.open)} findings, {drift.unknown} cannot be compared{ignored}, {age} ago"
