"""The approval gate: what lies behind it in an environment with `approval`. Pure; `permission.py` guards it."""

from __future__ import annotations

from eks_assets.registry import Registry
from eks_assets.unit import WAVES, AnyUnit
from resources.environment import Environment


def is_gated(env: Environment, unit: AnyUnit) -> bool:
    """Whether the unit may be changed with an approval only."""
    return env.approval is not None and WAVES.index(unit.wave) >= WAVES.index(env.approval.before)


def gated_units(registry: Registry, env: Environment) -> tuple[str, ...]:
    """The units behind the gate, in dependency order."""
    return tuple(unit.name for unit in registry.units if is_gated(env, unit))
