"""A deploy that finds nothing to do: from the command line, and Materialize all through Dagster."""

from __future__ import annotations

import statistics
import sys

from benchmarks.stage import command, fresh_sandbox, timed

ROUNDS = 3
IMPORTS = (
    "import eks_assets.cli.app, eks_assets.engine.planner, eks_assets.units, eks_assets.definitions as d; d.defs()"
)


def run() -> dict[str, float]:
    """Medians in seconds. `imports_seconds` is Python's start and our imports alone."""
    with fresh_sandbox():
        command("deploy", "sandbox")
        nothing = statistics.median(command("deploy", "sandbox") for _ in range(ROUNDS))
        imports = statistics.median(timed([sys.executable, "-c", IMPORTS]) for _ in range(ROUNDS))
        every = statistics.median(timed([sys.executable, "-m", "benchmarks.materialize_all"]) for _ in range(ROUNDS))
    return {
        "deploy_nothing_to_do_seconds": nothing,
        "imports_seconds": imports,
        "materialize_all_nothing_to_do_seconds": every,
    }
