"""All units of the graph, in dependency order, refused where they do not fit together."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import ModuleType

from eks_assets.graph.unit import AnyUnit, Unit
from resources.config.environment import Environment
from resources.config.waves import WAVES
from resources.model.outputs import Outputs


class RegistryError(ValueError):
    """The units do not fit together: unknown dependency, cycle, two units of a name, two owners of an output, two that
    give access to the cluster."""


@dataclass(frozen=True)
class Registry:
    """`units` in topological order; `needs` maps a unit's name to the names it depends on.

    A unit whose spec needs the cluster depends on the one that gives access to it; in a registry without such a unit
    the cluster is somebody else's."""

    units: tuple[AnyUnit, ...]
    needs: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> AnyUnit:
        return self.by_name[name]

    @cached_property
    def by_name(self) -> Mapping[str, AnyUnit]:
        return {u.name: u for u in self.units}

    @cached_property
    def owner(self) -> Mapping[type[Outputs], AnyUnit]:
        return {u.outputs: u for u in self.units if u.has_outputs}

    @cached_property
    def needs_in_order(self) -> Mapping[str, tuple[str, ...]]:
        """`needs`, in dependency order."""
        return {u.name: self.needs[u.name] for u in self.units}

    @cached_property
    def minutes_left(self) -> Mapping[str, float]:
        """Typical minutes of the longest path from the beginning of a unit to the end of the graph."""
        left: dict[str, float] = {}
        for u in reversed(self.units):
            left[u.name] = u.minutes + max((left[n] for n in left if u.name in self.needs[n]), default=0.0)
        return left

    def descendants(self, names: Iterable[str]) -> set[str]:
        """The names given and everything that depends on them, directly or not."""
        reached = set(names)
        for u in self.units:
            if reached & set(self.needs[u.name]):
                reached.add(u.name)
        return reached

    def gated(self, env: Environment) -> tuple[str, ...]:
        """The names of the units behind the gate, in dependency order."""
        return tuple(u.name for u in self.units if u.is_gated(env))

    @classmethod
    def of(cls, units: Iterable[AnyUnit]) -> Registry:
        """Order the units; raises RegistryError where they do not fit together."""
        by_name: dict[str, AnyUnit] = {}
        owner: dict[type[Outputs], AnyUnit] = {}
        access: list[AnyUnit] = []
        for u in units:
            if by_name.setdefault(u.name, u) is not u:
                modules = f"{by_name[u.name].fn.__module__} and {u.fn.__module__}"
                raise RegistryError(f"two units are named {u.name}: {modules}")
            if u.has_outputs and owner.setdefault(u.outputs, u) is not u:
                raise RegistryError(
                    f"{u.outputs.__name__} belongs to {owner[u.outputs].name}; {u.name} cannot own it too"
                )
            access += [u] if u.gives_cluster_access else []
        if len(access) > 1:
            raise RegistryError(f"{access[0].name} and {access[1].name} both give access to the cluster")
        needs = {u.name: _needs(u, by_name, owner, access) for u in by_name.values()}
        try:
            order = tuple(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise RegistryError("units form a cycle: " + " -> ".join(error.args[1])) from None
        by_wave = sorted(order, key=lambda n: WAVES.index(by_name[n].wave))
        return cls(tuple(by_name[n] for n in by_wave), needs)

    @classmethod
    def walk(cls, *packages: ModuleType) -> Registry:
        """Import every module of the packages and collect the units defined there."""
        units: dict[int, AnyUnit] = {}
        for package in packages:
            for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
                module = importlib.import_module(info.name)
                for value in vars(module).values():
                    if isinstance(value, Unit) and value.fn.__module__ == module.__name__:
                        units[id(value)] = value
        return cls.of(units.values())


def _needs(
    u: AnyUnit, by_name: Mapping[str, AnyUnit], owner: Mapping[type[Outputs], AnyUnit], access: Iterable[AnyUnit]
) -> tuple[str, ...]:
    """What the unit depends on: access to the cluster where its spec needs it, what it reads, what it comes after."""
    missing = [kind.__name__ for kind in u.inputs.values() if kind not in owner]
    missing += [a.name for a in u.after if a.name not in by_name]
    if missing:
        raise RegistryError(f"{u.name} needs {', '.join(missing)}, which no registered unit provides")
    to_cluster = access if u.spec_type.needs_cluster else ()
    needed = [*to_cluster, *(owner[kind] for kind in u.inputs.values()), *u.after]
    names = tuple(dict.fromkeys(need.name for need in needed))
    for name in names:
        if not u.is_behind(by_name[name].wave):
            raise RegistryError(f"{u.name} ({u.wave}) needs {name} of the later wave {by_name[name].wave}")
    return names
