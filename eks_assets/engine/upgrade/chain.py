"""What one minor version changes: the units whose rendering differs by it, and the step that each belongs to.

No unit is named: a step of 1.35 is these units, with the environment as if its file said `kubernetes_version: "1.35"`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from eks_assets.engine.desired import desired_spec
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from resources.config.environment import Environment
from resources.config.settings.upgrade import Upgrade as Settings
from resources.context import Context
from resources.drivers.stack.cluster_guard import CLUSTER, minor_of
from resources.drivers.stack.operations import NODE_GROUP
from resources.model.errors import NotFound
from resources.model.specs import Lookup, Probes, Spec, Stack
from resources.support.memory_cache import MemoryCache

Step = Literal["preparation", "backup", "control_plane", "addons", "bake", "nodes", "karpenter", "validation"]
STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True)
class Minor:
    """One minor version of the chain. `units`: the names of those that each step brings to it, in the graph's order."""

    before: str
    after: str
    units: Mapping[Step, tuple[str, ...]]


def settings_of(env: Environment) -> Settings:
    """What the environment says about upgrades, or what counts where it says nothing."""
    return env.upgrade or Settings()


def context_as_of(context: Context, version: str, upgrades_to: str | None = None) -> Context:
    """The same environment as if its file said that version, with nothing read yet. `upgrades_to`: the minor version
    that a flow brings it to."""
    env = context.env.model_copy(update={"kubernetes_version": version})
    return replace(context, env=env, upgrades_to=upgrades_to, cache=MemoryCache())


def plan_minor(registry: Registry, context: Context, before: str, after: str) -> Minor:
    """Which units the version changes. Raises ConfigError where AWS offers no version of an add-on for it,
    AccessDenied, Transient."""
    now = context_as_of(context, after)
    changed = list_changed(registry, context_as_of(context, before), now)
    steps: dict[Step, tuple[str, ...]] = {
        step: tuple(name for name, spec in changed.items() if _step_of(spec) == step)
        for step in ("control_plane", "addons", "nodes")
    }
    probes = (unit.name for unit in registry.units if issubclass(unit.spec_type, Probes) and unit.is_enabled(now.env))
    return Minor(before, after, {**steps, "validation": tuple(probes)})


def list_changed(registry: Registry, then: Context, now: Context) -> dict[str, Spec[Any]]:
    """The units, by name in the graph's order, whose rendering differs between the two, as it is now without what
    others put out. Raises as `plan_minor`."""
    changed: dict[str, Spec[Any]] = {}
    for unit in registry.units:
        if not unit.is_enabled(now.env):
            continue
        alone, wanted = render_spec(registry, then.env, unit, {}), render_spec(registry, now.env, unit, {})
        if alone != wanted or (_reads(registry, unit, changed) and _differs(registry, unit, then, now)):
            changed[unit.name] = wanted
    return changed


def _reads(registry: Registry, unit: AnyUnit, changed: Mapping[str, Spec[Any]]) -> bool:
    """Whether it reads what another finds, which differs at once; what a stack puts out does not before it changes."""
    owners = (registry.owner[kind].name for kind in unit.inputs.values())
    return any(isinstance(changed.get(name), Lookup) for name in owners)


def _differs(registry: Registry, unit: AnyUnit, then: Context, now: Context) -> bool:
    try:
        specs = [render_spec(registry, c.env, unit, known_outputs(registry, unit, c)) for c in (then, now)]
    except NotFound:  # it reads what does not exist yet, and so is none of what there is to upgrade
        return False
    return specs[0] != specs[1]


def _step_of(spec: Spec[Any]) -> Step:
    types = {resource.get("Type") for resource in _resources(spec)}
    return "control_plane" if CLUSTER in types else "nodes" if NODE_GROUP in types else "addons"


def _resources(spec: Spec[Any]) -> Iterator[Mapping[str, Any]]:
    if isinstance(spec, Stack):
        yield from spec.template.get("Resources", {}).values()


def wanted_version(registry: Registry, context: Context) -> str | None:
    """The Kubernetes version that is wanted of the environment's cluster: what its file says, or what a rollback holds
    it at. None where no unit makes a cluster. Raises AccessDenied, Transient."""
    for unit in registry.units:
        if not issubclass(unit.spec_type, Stack) or not unit.is_enabled(context.env):
            continue
        if any(r.get("Type") == CLUSTER for r in _resources(render_spec(registry, context.env, unit, {}))):
            spec = desired_spec(registry, unit, {}, context).spec
            clusters = (r for r in _resources(spec) if r.get("Type") == CLUSTER)
            return next((str(r["Properties"]["Version"]) for r in clusters), None)
    return None


def is_higher(version: str | None, than: str | None) -> bool:
    """Whether both are Kubernetes versions and the first is the higher one."""
    first, second = minor_of(version), minor_of(than)
    return first is not None and second is not None and first > second


def changes_with(registry: Registry, unit: AnyUnit, context: Context, live: str) -> bool:
    """Whether the unit is one that the environment's version changes, as against the version that the cluster has."""
    then, now = context_as_of(context, live), context
    if render_spec(registry, then.env, unit, {}) != render_spec(registry, now.env, unit, {}):
        return True
    lookups = [owner for kind in unit.inputs.values() if issubclass((owner := registry.owner[kind]).spec_type, Lookup)]
    differ = (render_spec(registry, then.env, o, {}) != render_spec(registry, now.env, o, {}) for o in lookups)
    return any(differ) and _differs(registry, unit, then, now)


def upgrade_command(env: Environment) -> str:
    """The command that upgrades the environment to the version of its file, and continues where one stopped."""
    return f"eks-assets upgrade {env.name} --to {env.kubernetes_version}"
