"""All health checks of an environment, looked at once: what a bake watches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from eks_assets.engine.desired import desired_spec
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from resources.context import Context
from resources.model.errors import PipelineError
from resources.model.specs import GitTree, Probes
from resources.probes.runner import run_probe
from resources.support.memory_cache import MemoryCache

_WIDTH = 8


def list_red_checks(registry: Registry, context: Context) -> dict[str, str]:
    """What each check that does not pass now saw, by `unit check`. What cannot be looked at is red too."""
    fresh = replace(context, cache=MemoryCache())
    # Those of a branch ask git each time, which no upgrade changes.
    units = [u for u in registry.units if u.is_enabled(context.env) and not issubclass(u.spec_type, GitTree)]
    with ThreadPoolExecutor(_WIDTH) as pool:
        looks = pool.map(partial(_red_of, registry, fresh), units)
        return {name: detail for red in looks for name, detail in red.items()}


def _red_of(registry: Registry, context: Context, unit: AnyUnit) -> dict[str, str]:
    try:
        outputs = {} if issubclass(unit.spec_type, Probes) else known_outputs(registry, unit, context)
        spec = desired_spec(registry, unit, outputs, context).spec
    except PipelineError as error:
        return {unit.name: error.message}
    results = ((check, run_probe(check, spec, context)) for check in unit.checks)
    return {f"{unit.name} {check.name}": result.detail for check, result in results if not result.passed}
