"""From an environment and what is known of other units to the spec of one: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from resources.config.environment import Environment, merge_mappings
from resources.model.outputs import Outputs, pending_outputs
from resources.model.specs import HelmRelease, Spec, Stack


def render_spec(registry: Registry, env: Environment, unit: AnyUnit, outputs: Mapping[str, Outputs]) -> Spec[Any]:
    """The unit's spec. `outputs`: outputs by unit name; what is missing there is `Pending`, and None for a parameter
    that allows it while its owner is disabled. Overrides under `addons` are merged in."""
    arguments: dict[str, Any] = {}
    for parameter, kind in unit.inputs.items():
        owner = registry.owner[kind]
        if not owner.is_enabled(env) and parameter in unit.optional:
            arguments[parameter] = None
        else:
            arguments[parameter] = outputs.get(owner.name) or pending_outputs(kind, owner.name)
    takes_env = {"env": env} if "env" in unit.parameters else {}
    return with_overrides(env, unit, unit.fn(**takes_env, **arguments))


def with_overrides(env: Environment, unit: AnyUnit, spec: Spec[Any]) -> Spec[Any]:
    """The spec with the environment's version, values, deadlines and chart digest for this unit, and with the unit's
    name in that of its stack."""
    if isinstance(spec, Stack):
        timeout = spec.timeout if "timeout" in spec.model_fields_set else env.deadlines.stack
        return spec.model_copy(update={"name": spec.name or env.stack_name(unit.name), "timeout": timeout})
    if not isinstance(spec, HelmRelease):
        return spec
    addon = env.addon(unit.name)
    changes: dict[str, Any] = {"values": merge_mappings(spec.values, addon.values)}
    if addon.version:
        changes["version"] = addon.version
    changes["timeout"] = addon.timeout or env.deadlines.release
    changes["digest"] = env.charts.digests.get(spec.chart, spec.digest)
    return spec.model_copy(update=changes)
