"""`eks-assets status`: how an environment is now. It observes, it does not quote the last run."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.engine.planner import plan_environment
from eks_assets.plan.unit_plan import CheckState, EnvironmentPlan
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.model.display import escape_lines

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
    plan = plan_environment(registry, open_environment(env))
    if json_output:
        print(json.dumps(status_report(plan), indent=2))
    else:
        # Elsewhere than on a terminal a row stays a line: grep and logs read it.
        console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
        print_status(plan, console, time.monotonic() - began)
    raise SystemExit(exit_code(plan))


def exit_code(plan: EnvironmentPlan) -> int:
    """0 all well, 1 something failed or a check is red, 3 only an approval is missing, 4 something pending."""
    states = {u.state for u in plan.units}
    if states & {"failed", "unknown"} or any(
        not c.passed for u in plan.units for c in u.checks if u.state not in ("pending", "waiting")
    ):
        return 1
    return 4 if "pending" in states else 3 if "waiting" in states else 0


def status_report(plan: EnvironmentPlan) -> dict[str, Any]:
    """What `status --json` prints: docs/status.md, docs/status.schema.json."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "environment": plan.environment,
        "units": [
            {
                "unit": u.unit,
                "wave": u.wave,
                "state": u.state,
                "checks": [_check(c, now) for c in u.checks],
                **({"error": u.error.message} if u.error else {}),
            }
            for u in plan.units
        ],
    }


def _check(check: CheckState, now: str) -> dict[str, Any]:
    """`since`: when AWS or the cluster says that this result began; else the time of this command."""
    return {
        "name": check.name,
        "expected": check.expected,
        "passed": check.passed,
        "detail": check.detail,
        "since": check.since or now,
    }


def print_status(plan: EnvironmentPlan, console: Console, seconds: float) -> None:
    """The table for people, and a last line that counts the states. `seconds`: how long the command took."""
    table = Table(box=None, pad_edge=False)
    for heading in ("wave", "unit", "state", "detail"):
        table.add_column(heading, no_wrap=heading != "detail")
    for u in plan.units:
        red = next((f"{c.name}: {c.detail}" for c in u.checks if not c.passed), "")
        detail = u.error.message if u.error else red or (u.change.reason if u.change.is_needed else "")
        good = u.checks[-1].detail if u.checks and not detail else ""
        table.add_row(
            Text(u.wave, style="dim"),
            Text(u.unit),
            Text(u.state, style=_STYLE[u.state]),
            Text(escape_lines(detail or good), style="" if detail else "dim"),
        )
    console.print(table)
    counts = {state: sum(u.state == state for u in plan.units) for state in _STYLE}
    counted = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    print_text(console, f"{plan.environment}: {counted} ({seconds:.1f} s)")
