"""The checks of an upgrade, and how one is run. A check is a function with a decorator, in the file of its family: a
new one touches that file alone. What it raises becomes a finding: it need not catch anything."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from resources.model.errors import AccessDenied, NotShown, PipelineError
from resources.upgrade import checks
from resources.upgrade.findings import UpgradeFinding
from resources.upgrade.live import Finding, Live, Step

Run = Callable[[Live, Step], Iterable[Finding]]


@dataclass(frozen=True)
class UpgradeCheck:
    """`first_only`: it looks at what is there now, whatever the version: once is enough for a chain."""

    name: str
    run: Run
    first_only: bool = False


_registered: list[UpgradeCheck] = []


def upgrade_check(run: Run) -> Run:
    """Makes a function a check of each step of the chain."""
    _registered.append(UpgradeCheck(_name(run), run))
    return run


def first_step_check(run: Run) -> Run:
    """Makes a function a check of what is there now, which is asked before the first step alone."""
    _registered.append(UpgradeCheck(_name(run), run, first_only=True))
    return run


def _name(run: Run) -> str:
    return getattr(run, "__name__", "").removeprefix("check_").replace("_", " ")


@functools.cache
def list_checks() -> tuple[UpgradeCheck, ...]:
    """All of them, by family and then in the order of their files."""
    for module in sorted(m.name for m in pkgutil.iter_modules(checks.__path__)):
        importlib.import_module(f"{checks.__name__}.{module}")
    return tuple(_registered)


def run_check(check: UpgradeCheck, live: Live, step: Step) -> tuple[UpgradeFinding, ...]:
    """What the check finds. What it could not read is a finding `unknown`, beside what it found before."""
    findings: list[Finding] = []
    try:
        for finding in check.run(live, step):
            findings.append(finding)
    except PipelineError as error:
        findings.append(_unknown(error, check, live))
    except Exception as error:
        # Whatever is wrong with one check, the others are read, and nobody is told READY.
        message = f"could not be looked at: unexpected {type(error).__name__}: {error}"
        findings.append(Finding("unknown", check.name, message, "report it, with this line"))
    return tuple(finding.placed(check.name, step) for finding in findings)


def _unknown(error: PipelineError, check: UpgradeCheck, live: Live) -> Finding:
    """What an administrator gives back is a right that bootstrap gives."""
    way_out = error.next_step or f"eks-assets doctor {live.env.name} shows what cannot be reached"
    if isinstance(error, AccessDenied) and not isinstance(error, NotShown):
        way_out = f"an administrator gives the right with: eks-assets bootstrap {live.env.name} --apply"
    return Finding("unknown", check.name, f"could not be looked at: {error.message}", way_out)
