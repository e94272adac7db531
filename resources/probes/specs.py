"""Checks that ask the driver of what they belong to."""

from __future__ import annotations

from typing import Any

from resources.context import Context
from resources.drivers.git.merge import reread
from resources.drivers.registry import driver_of
from resources.model.checks import Check
from resources.model.errors import NotFound
from resources.model.specs import AnyGitTree, Spec, Stack
from resources.probes.result import Seen


def output_of(spec: Stack[Any], context: Context, field: str) -> str:
    observed = driver_of(spec).observe(spec, context)
    if observed is None or observed.outputs is None:
        raise NotFound(f"stack {spec.name} has no output {field} yet")
    return str(getattr(observed.outputs, field))


def in_sync(_: Check, spec: Spec[Any], context: Context) -> Seen:
    driver = driver_of(spec)
    observed = driver.observe(spec, context)
    if observed is None:
        return Seen(False, "it does not exist")
    change = driver.plan(spec, observed)
    shown = ", ".join([observed.status, *(f"{k} {v}" for k, v in observed.detail.items() if v)])
    return Seen(not change.is_needed, change.reason if change.is_needed else shown)


def branch_head(_: Check, spec: AnyGitTree, context: Context) -> Seen:
    found = reread(spec, context)
    where = f"{found.heads.branch} of {found.repository}"
    if found.heads.branch_commit is None:
        return Seen(False, f"there is no branch {where}")
    if found.differences:
        paths = ", ".join(difference.path for difference in found.differences[:3])
        return Seen(False, f"{where} is not as its templates make it: {len(found.differences)} files differ: {paths}")
    return Seen(True, f"{where} is at {found.heads.branch_commit[:12]}")
