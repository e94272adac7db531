"""A plan as it is handed out: the document of the approval, its digest, and what else people want to know of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from eks_assets.graph.registry import Registry
from eks_assets.permission import source_of
from eks_assets.plan.document import report
from eks_assets.plan.model import UnitPlan
from eks_assets.planning import plan_environment
from resources.world import World


def plan_report(
    registry: Registry,
    world: World,
    only: Collection[str] | None = None,
    progress: Callable[[UnitPlan], None] = lambda _: None,
) -> dict[str, Any]:
    """Plan an environment (or `only` those units) in detail, as docs/plan.md describes it. Changes nothing.

    Raises PipelineError where the account can't be read; what goes wrong with one unit is under `unknown`."""
    found = plan_environment(registry, world, only=only, with_checks=False, with_preview=True, progress=progress)
    return report(found, registry, world.env, source_of(world))
