"""The order in which units go: the reverse of the graph, and a controller after all that it may have to clear up for.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from eks_assets.graph.registry import Registry
from resources.config.waves import WAVES


def removal_order(registry: Registry) -> Mapping[str, frozenset[str]]:
    """By unit, the units that have to be gone before it goes: those that need it; and before a controller with products
    goes, all units of later waves in which anything lies in the cluster, since each may have had it make some."""
    before: dict[str, set[str]] = {unit.name: set() for unit in registry.units}
    for name, needs in registry.needs.items():
        for need in needs:
            before[need].add(name)
    for unit in registry.units:
        if unit.products is None:
            continue
        wave = WAVES.index(unit.wave)
        before[unit.name] |= {
            other.name for other in registry.units if WAVES.index(other.wave) > wave and other.spec_type.needs_cluster
        }
    return {name: frozenset(names) for name, names in before.items()}
