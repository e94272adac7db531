"""What should exist of a unit: what the environment's files say, or, while a rollback holds it back, what was applied
before. Every verb that compares or applies asks here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eks_assets.engine.kept_specs import HELD, is_kept_spec, load_kept_spec, revive_spec
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from resources.context import Context
from resources.drivers.git.merge import load_reading
from resources.model.outputs import Outputs
from resources.model.specs import AnyGitTree, GitManifests, GitTree, HelmRelease, Spec, Stack
from resources.records.rollbacks import Hold, Rollback, current_rollback


@dataclass(frozen=True)
class Desired:
    """`hold`: what holds the unit back; None where the files say what should exist."""

    spec: Spec[Any]
    hold: Hold | None = None


def desired_spec(registry: Registry, unit: AnyUnit, outputs: Mapping[str, Outputs], context: Context) -> Desired:
    """What should exist. `outputs`: as for `render_spec`.

    Raises OperationFailed where a spec that is held cannot be had any more, NotFound, AccessDenied, Transient; what
    rendering raises."""
    spec = render_spec(registry, context.env, unit, outputs)
    rollback = current_rollback(context)
    if rollback is None or not rollback.holds:
        return Desired(spec)
    hold = _standing_hold(registry, unit, rollback, context)
    if isinstance(spec, GitTree):
        return _restored(spec, hold, context)
    if hold is not None and hold.spec is not None:
        spec = revive_spec(load_kept_spec(context, hold.spec, HELD), spec, context)
        if isinstance(spec, Stack):
            spec = spec.model_copy(update={"lowers_version": True})
        if isinstance(spec, HelmRelease) and hold.chart is not None:
            spec = spec.model_copy(update={"digest": hold.chart})
    if isinstance(spec, GitManifests):
        spec = spec.model_copy(update={"tree": _tree_of(registry, spec, rollback, context)})
    return Desired(spec, hold)


def _standing_hold(registry: Registry, unit: AnyUnit, rollback: Rollback, context: Context) -> Hold | None:
    """The unit's hold, as long as its files want what they wanted when it was rolled back."""
    hold = rollback.hold_of(unit.name)
    if hold is None:
        return None
    alone = render_spec(registry, context.env, unit, {})
    return hold if is_kept_spec(context, hold.held, alone, HELD) else None


def _restored(spec: AnyGitTree, hold: Hold | None, context: Context) -> Desired:
    """The branch as it was, as long as nobody has moved it, or the base branch, since."""
    if hold is None or hold.restore is None:
        return Desired(spec)
    restoring = spec.model_copy(update={"restore": hold.restore})
    return Desired(restoring, hold) if load_reading(restoring, context).is_restored else Desired(spec)


def _tree_of(registry: Registry, spec: GitManifests, rollback: Rollback, context: Context) -> AnyGitTree:
    """The branch that the objects come from, as the unit that pushes it wants it."""
    names = {hold.unit for hold in rollback.holds if hold.restore is not None}
    for name in names & registry.by_name.keys():
        owner = registry[name]
        own = render_spec(registry, context.env, owner, {})
        if isinstance(own, GitTree) and (own.repository, own.branch) == (spec.tree.repository, spec.tree.branch):
            restored = _restored(spec.tree, _standing_hold(registry, owner, rollback, context), context).spec
            return restored if isinstance(restored, GitTree) else spec.tree
    return spec.tree
