"""What is to be done before a control plane moves: add-ons whose version does not fit the next Kubernetes version go to
one that fits both. A chart's version stands in the environment's file, and the verdict says which does not fit.

Source: EKS API, DescribeAddonVersions (`compatibilities`), DescribeAddon; EKS user guide, "Update an EKS add-on".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from eks_assets.engine.upgrade.chain import context_as_of, list_changed
from eks_assets.graph.registry import Registry
from resources.context import Context
from resources.drivers.eks_versions import list_fits, live_addon_versions, sort_key
from resources.support.memory_cache import MemoryCache


def plan_preparation(
    registry: Registry, context: Context, before: str, after: str
) -> tuple[Context, tuple[str, ...], Mapping[str, str]]:
    """The environment with its add-ons at versions that fit both, the units that this changes, and by add-on what each
    would become. Nothing where all of them fit already. Raises AccessDenied, Transient."""
    then = context_as_of(context, before, after)
    chosen = [addon for addon in context.env.cluster.addons if addon.version in (None, "latest")]
    live = live_addon_versions(context, [addon.name for addon in chosen])
    moves: dict[str, str] = {}
    for name, version in live.items():
        fits = list_fits(context, name)
        if after in fits.get(version, ()) or before not in fits.get(version, (before,)):
            continue
        both = [v for v, fit in fits.items() if {before, after} <= fit and sort_key(v) > sort_key(version)]
        if both:
            moves[name] = max(both, key=sort_key)
    if not moves:
        return then, (), {}
    pinned = _pinned(then, {**live, **moves})
    # What AWS recommends by now is another matter: it comes with the add-ons' own step.
    return pinned, tuple(list_changed(registry, _pinned(then, live), pinned)), moves


def _pinned(context: Context, versions: Mapping[str, str]) -> Context:
    cluster = context.env.cluster
    addons = tuple(
        addon.model_copy(update={"version": versions[addon.name]}) if addon.name in versions else addon
        for addon in cluster.addons
    )
    env = context.env.model_copy(update={"cluster": cluster.model_copy(update={"addons": addons})})
    return replace(context, env=env, cache=MemoryCache())
