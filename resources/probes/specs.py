"""Checks that ask the driver of what they belong to."""

from __future__ import annotations

from typing import Any

from resources.context import Context
from resources.drivers.git.merge import reload_reading
from resources.drivers.registry import driver_of
from resources.model.checks import Check
from resources.model.errors import NotFound
from resources.model.specs import AnyGitTree, Spec, Stack
from resources.probes.result import CheckResult


def output_of(spec: Stack[Any], context: Context, field: str) -> str:
    """One output of the stack as text. Raises NotFound while the stack does not have it."""
    observed = driver_of(spec).observe(spec, context)
    if observed is None or observed.outputs is None:
        raise NotFound(f"stack {spec.name} has no output {field} yet")
    return str(getattr(observed.outputs, field))


def in_sync(_: Check, spec: Spec[Any], context: Context) -> CheckResult:
    driver = driver_of(spec)
    observed = driver.observe(spec, context)
    if observed is None:
        return CheckResult(False, "it does not exist")
    change = driver.plan(spec, observed)
    if change.is_needed:
        return CheckResult(False, change.reason)
    return CheckResult(True, ", ".join([observed.status, *(f"{k} {v}" for k, v in observed.detail.items() if v)]))


def branch_head(_: Check, spec: AnyGitTree, context: Context) -> CheckResult:
    reading = reload_reading(spec, context)
    branch = f"{reading.heads.branch} of {reading.repository}"
    if reading.heads.branch_commit is None:
        return CheckResult(False, f"there is no branch {branch}")
    others = f"; by others: {', '.join(reading.others)}" if reading.others else ""
    if reading.differences:
        paths = ", ".join(difference.path for difference in reading.differences[:3])
        count = len(reading.differences)
        return CheckResult(False, f"{branch} is not as its templates make it: {count} files differ: {paths}{others}")
    return CheckResult(True, f"{branch} is at {reading.heads.branch_commit[:12]}{others}")
