"""What the planner finds of each unit: its change, its state and its checks, with the spec behind them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eks_assets.graph.registry import Registry
from resources.config.environment import Environment
from resources.model.change import Change
from resources.model.errors import PipelineError
from resources.model.outputs import Outputs
from resources.model.specs import Spec

State = Literal["in_sync", "pending", "failed", "waiting", "unknown", "disabled"]


@dataclass(frozen=True)
class CheckState:
    """One health check as it is now: what it expects, what was seen, and since when (empty: nobody keeps that)."""

    name: str
    passed: bool
    detail: str
    expected: str = ""
    since: str = ""


@dataclass(frozen=True)
class UnitPlan:
    """What apply would do to one unit, and how it is. `waits_for`: outputs known only after apply; `observed`: status
    and revision of what the change starts from; `reach`: the parts of a change before the gate that touch identity or
    reach, and so put it behind the gate; `held`: since when a rollback holds the unit back, and to which run."""

    unit: str
    wave: str
    state: State
    change: Change = field(default_factory=lambda: Change("none"))
    waits_for: tuple[str, ...] = ()
    checks: tuple[CheckState, ...] = ()
    error: PipelineError | None = None
    outputs: Outputs | None = field(default=None, repr=False)
    observed: Mapping[str, str] = field(default_factory=dict)
    spec: Spec[Any] | None = field(default=None, repr=False)
    seconds: float = 0.0
    reach: tuple[str, ...] = ()
    held: str = ""

    @property
    def trouble(self) -> str:
        """What is wrong with it, or why it would change; empty where all is well."""
        red = next((f"{check.name}: {check.detail}" for check in self.checks if not check.passed), "")
        if self.error:
            return self.error.message
        return red or (self.change.reason if self.change.is_needed else "")

    @property
    def detail(self) -> str:
        """One line on how it is: what is wrong, else since when it is held back, else what its last check has seen."""
        return self.trouble or self.held or (self.checks[-1].detail if self.checks else "")

    @property
    def needs_a_run(self) -> bool:
        """Whether a deploy has to launch this unit: it differs, or it is not healthy."""
        return self.state not in ("in_sync", "disabled")


@dataclass(frozen=True)
class EnvironmentPlan:
    """All units in dependency order. `is_gate_everywhere`: whether the environment has been through its gate once."""

    environment: str
    units: tuple[UnitPlan, ...]
    is_gate_everywhere: bool = False

    def __getitem__(self, name: str) -> UnitPlan:
        return next(u for u in self.units if u.unit == name)

    @property
    def errors(self) -> tuple[UnitPlan, ...]:
        return tuple(u for u in self.units if u.error is not None)

    def gated(self, registry: Registry, env: Environment) -> tuple[str, ...]:
        """The units behind the gate: by their wave, or by what they would change."""
        return tuple(u.unit for u in self.units if u.reach or registry[u.unit].is_gated(env))

    def to_run(self, registry: Registry) -> tuple[str, ...]:
        """The units that a deploy launches, in order: those that differ or are unhealthy, and what reads from them."""
        names = registry.descendants(u.unit for u in self.units if u.needs_a_run)
        return tuple(u.unit for u in self.units if u.unit in names and u.state != "disabled")
