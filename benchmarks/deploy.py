"""A deploy with published durations scaled 1:20, beside the specification's order and Dagster's default executor."""

from __future__ import annotations

import sys

from benchmarks.published import SCALE, critical_path_seconds, delays
from benchmarks.stage import command, fresh_sandbox, timed


def run() -> dict[str, float]:
    """Seconds of each way in the same run, and their ratios to the critical path of the published table."""
    path = critical_path_seconds()
    with fresh_sandbox(delays()):
        ours = command("deploy", "sandbox")
    with fresh_sandbox(delays()):
        stages = timed([sys.executable, "-m", "benchmarks.materialize_all", "stages"])
    with fresh_sandbox(delays()):
        default = timed([sys.executable, "-m", "benchmarks.materialize_all", "default"])
    return {
        "scale": SCALE,
        "critical_path_seconds": path,
        "ours_seconds": ours,
        "specification_order_seconds": stages,
        "dagster_default_seconds": default,
        "ours_to_critical_path": ours / path,
        "specification_order_to_ours": stages / ours,
        "dagster_default_to_ours": default / ours,
    }
