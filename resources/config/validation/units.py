"""Checks of an environment against the units of the graph, which the layers above know and pass in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from resources.config.eksctl.addons import DAEMON_ADDONS
from resources.config.environment import Environment
from resources.config.problems import MOST_EXPLAINED, Problem, suggest_choices
from resources.config.validation.places import PLACES
from resources.config.yaml_document import Document


class KnownUnit(Protocol):
    """What validation asks of a unit. `needed_namespace`: the one of the environment's that its objects lie in; None
    where it needs none, or a chart makes it. `follows`: the units that it comes after for what they bring, such as
    kinds of objects. `needs_nodes`: it is not ready before its pods run."""

    @property
    def needed_namespace(self) -> str | None: ...

    @property
    def follows(self) -> tuple[str, ...]: ...

    @property
    def needs_nodes(self) -> bool: ...

    def is_enabled(self, env: Environment) -> bool:
        """Whether the environment wants the unit."""
        ...


KnownUnits: TypeAlias = Mapping[str, KnownUnit]


def unknown_units(document: Document, known_units: KnownUnits) -> list[Problem]:
    """A name under `addons` that is no unit's. Nothing where no units are known."""
    addons = document.at(("addons",), dict) or {}
    unknown = [str(name) for name in addons if known_units and name not in known_units]
    return [
        document.problem(("addons", name), f"is not a unit; {suggest_choices(name, known_units)}")
        for name in unknown[:MOST_EXPLAINED]
    ]


def missing_namespaces(document: Document, environment: Environment, known_units: KnownUnits) -> list[Problem]:
    """A namespace that is left out, though a unit that is enabled puts an object into it."""
    problems = []
    for name, unit in known_units.items():
        needed = unit.needed_namespace
        if needed and needed not in environment.namespaces and unit.is_enabled(environment):
            message = f"lacks {needed}, which {name} needs; allowed: {needed} beside the others"
            problems.append(document.problem(("namespaces",), message))
    return problems


def users_left_on(document: Document, environment: Environment, known_units: KnownUnits) -> list[Problem]:
    """A unit that is switched off while others need what it brings. A warning: somebody else may have installed it."""
    problems = []
    for name in environment.addons:
        users = [user for user, unit in known_units.items() if name in unit.follows and unit.is_enabled(environment)]
        if name in known_units and not environment.addon(name).enabled and users:
            message = f"is off, and others need it: {', '.join(users)}; switch those off too, or install it yourself"
            problems.append(document.problem(("addons", name), message, warning=True))
    return problems


def pods_without_nodes(cluster: Document, environment: Environment, known_units: KnownUnits) -> list[Problem]:
    """A control plane alone, beside what is not ready before pods run: units, and EKS add-ons that the file lists."""
    if not environment.cluster.is_nodeless:
        return []
    users = [name for name, unit in known_units.items() if unit.needs_nodes and unit.is_enabled(environment)]
    listed = enumerate(environment.cluster.declared_addons)
    waiting = {index: addon for index, addon in listed if addon.name not in DAEMON_ADDONS}
    users += [user for addon in waiting.values() if addon.added_for for user in addon.added_for.split(" and ")]
    allowed = f"{PLACES}, or a control plane alone, without them"
    if users:
        needed = ", ".join(dict.fromkeys(users))
        return [cluster.problem((), f"gives pods nowhere to run, which {needed} need; allowed: {allowed}")]
    return [
        cluster.problem(("addons", index), f"{addon.name} needs a node, and there is none; allowed: {allowed}")
        for index, addon in waiting.items()
    ]
