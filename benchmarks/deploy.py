"""A deploy with published durations scaled 1:20, beside the specification's order and Dagster's default executor.

The published table ends with the EKS add-ons. Its stacks, and what they need, are what is measured against its longest
path; the whole environment, whose Helm releases and applications have no published durations, is measured beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.published import SCALE, critical_path_seconds, delays, published_units
from benchmarks.stage import command, fresh_sandbox, timed


def run() -> dict[str, float]:
    """Seconds of each way in the same run, and their ratios to the critical path of the published table."""
    path = critical_path_seconds()
    return {
        "scale": SCALE,
        "critical_path_seconds": path,
        **_three_ways(path, published_units()),
        **{f"whole_environment_{name}": value for name, value in _three_ways(path, ()).items()},
    }


def _three_ways(path: float, units: Sequence[str]) -> dict[str, float]:
    """The units (without any: all) deployed in three fresh sandboxes."""
    with fresh_sandbox(delays()):
        ours = command("deploy", "sandbox", *(word for name in units for word in ("--only", name)))
    with fresh_sandbox(delays()):
        stages = timed([sys.executable, "-m", "benchmarks.materialize_all", "stages", *units])
    with fresh_sandbox(delays()):
        default = timed([sys.executable, "-m", "benchmarks.materialize_all", "default", *units])
    return {
        "ours_seconds": ours,
        "specification_order_seconds": stages,
        "dagster_default_seconds": default,
        "ours_to_critical_path": ours / path,
        "specification_order_to_ours": stages / ours,
        "dagster_default_to_ours": default / ours,
    }
