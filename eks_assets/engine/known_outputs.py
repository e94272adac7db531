"""The outputs of the units that a unit depends on, read from AWS or the cluster."""

from __future__ import annotations

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.model.errors import NotFound
from resources.model.outputs import Outputs
from resources.support.memory_cache import CacheKey

_OUTPUTS: CacheKey[Outputs | None] = CacheKey("outputs of a unit")


def known_outputs(registry: Registry, unit: AnyUnit, context: Context) -> dict[str, Outputs]:
    """The outputs of the unit's enabled dependencies, read from AWS or the cluster.

    Raises NotFound for one that does not exist yet, naming the unit to deploy first."""
    outputs: dict[str, Outputs] = {}
    for kind in unit.inputs.values():
        owner = registry.owner[kind]
        if owner.is_enabled(context.env):
            outputs[owner.name] = observed_outputs(registry, owner, context)
        elif not any(unit.inputs[p] is kind for p in unit.optional):
            raise NotFound(
                f"{unit.name} needs {owner.name}, which environment {context.env.name} switches off",
                next_step=f"enable {owner.name} in the environment file, or switch {unit.name} off too",
            )
    return outputs


def observed_outputs(registry: Registry, owner: AnyUnit, context: Context) -> Outputs:
    """The outputs of one unit as they are now. What names the thing never depends on other units' outputs, so the
    spec that finds it may be rendered with pending inputs."""

    def read() -> Outputs | None:
        spec = render_spec(registry, context.env, owner, {})
        return driver_of(spec).outputs(spec, context)

    outputs = context.cache.get(_OUTPUTS, read, item=owner.name)
    if outputs is None:
        raise NotFound(
            f"{owner.name} does not exist in {context.env.name} yet",
            next_step=f"materialize {owner.name} first, or run: eks-assets deploy {context.env.name}",
        )
    return outputs
