"""Where an upgrade stands, and until when its last minor version can go back: what `status` shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from eks_assets.engine.upgrade.chain import plan_minor, settings_of
from eks_assets.graph.registry import Registry
from eks_assets.plan.document import critical_minutes
from resources.context import Context
from resources.drivers.stack.cluster_state import version_before
from resources.drivers.stack.version_rollback import WINDOW
from resources.model.errors import PipelineError
from resources.records.upgrades import Upgrade, UpgradeEvent, last_upgrade


@dataclass(frozen=True)
class UpgradeProgress:
    """`state`: running, paused, stopped or how it ended; `step`: the one that began last; `typical_minutes`: what that
    step takes, None where nobody can tell; `goes_back_until`: how long EKS takes the last minor version back."""

    before: str
    target: str
    state: str
    step: UpgradeEvent | None = None
    reason: str = ""
    typical_minutes: float | None = None
    goes_back_until: dt.datetime | None = None

    @property
    def days_left(self) -> float | None:
        """In which the last minor version can go back."""
        if self.goes_back_until is None:
            return None
        return round(max(0.0, (self.goes_back_until - dt.datetime.now(dt.UTC)) / dt.timedelta(days=1)), 1)

    def as_json(self) -> dict[str, Any]:
        """As `status --json` has it."""
        until = self.goes_back_until
        return {
            "from": self.before,
            "to": self.target,
            "state": self.state,
            "minor": self.step.minor if self.step else None,
            "step": self.step.step if self.step else None,
            "since": _time(self.step.at) if self.step else None,
            "typical_minutes": self.typical_minutes,
            "reason": self.reason,
            "goes_back_until": _time(until) if until else None,
            "days_left": self.days_left,
        }

    def describe(self, environment: str) -> list[str]:
        """For people: where it stands, and the ways on and back."""
        lines = [f"upgrade from Kubernetes {self.before} to {self.target}: {self.state}"]
        if self.step and self.state in ("running", "paused", "stopped"):
            minutes = f", typically {self.typical_minutes:g} min" if self.typical_minutes is not None else ""
            lines[0] += f", {self.step.minor} {self.step.step} since {self.step.at:%Y-%m-%d %H:%M:%S} UTC{minutes}"
        lines += [f"  {self.reason}"] if self.reason else []
        if self.days_left and self.step:
            back = version_before(self.step.minor)
            lines.append(f"  it can go back for {self.days_left:g} days: eks-assets rollback {environment} --to {back}")
        return lines


def read_progress(registry: Registry, context: Context) -> UpgradeProgress | None:
    """The upgrade that is open, or the last one while it can go back; None where there is neither. Raises AccessDenied,
    Transient."""
    upgrade = last_upgrade(context)
    if upgrade is None:
        return None
    until, step = _goes_back_until(upgrade), upgrade.last_step
    if upgrade.end is not None and (until is None or until < dt.datetime.now(dt.UTC)):
        return None
    state = upgrade.end.kind if upgrade.end else "paused" if upgrade.is_paused else "stopped" if upgrade.stop else ""
    return UpgradeProgress(
        upgrade.begun.before,
        upgrade.begun.target,
        state or "running",
        step,
        upgrade.stop.detail if upgrade.stop and not upgrade.end else "",
        _typical_minutes(registry, context, step) if step and not upgrade.end else None,
        until,
    )


def _goes_back_until(upgrade: Upgrade) -> dt.datetime | None:
    if upgrade.end is not None and upgrade.end.kind == "rolled back":
        return None
    raised = [e.at for e in upgrade.events if (e.kind, e.step) == ("ended", "control_plane")]
    return max(raised) + WINDOW if raised else None


def _typical_minutes(registry: Registry, context: Context, step: UpgradeEvent) -> float | None:
    if step.step == "bake":
        return round(settings_of(context.env).bake_seconds / 60, 1)
    try:
        units = plan_minor(registry, context, version_before(step.minor), step.minor).units
    except PipelineError:
        return None
    names = next((names for name, names in units.items() if name == step.step), ())
    return critical_minutes(names, registry) if names else None


def _time(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
