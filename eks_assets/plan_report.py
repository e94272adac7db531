"""A plan as it is handed out: the document of the approval, its digest, and what else people want to know of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from eks_assets.gate import gated_units
from eks_assets.permission import source_of
from eks_assets.plan_document import Source, critical_minutes, plan_document
from eks_assets.planning import EnvironmentPlan, UnitPlan, plan_environment
from eks_assets.registry import Registry
from resources.canonical import digest_of
from resources.change import NOTHING_TO_DO
from resources.environment import Environment
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


def report(found: EnvironmentPlan, registry: Registry, env: Environment, source: Source) -> dict[str, Any]:
    """The document of these units with `digest`, `minutes` (critical path of what changes), `planned` and `disabled`
    units, `notes` on units that would not change all the same, and `release`: how the gate divides it. Pure."""
    document = plan_document(found, registry, env, source, [p.unit for p in found.units])
    changing = [change["unit"] for change in document["changes"]]
    disabled = [p.unit for p in found.units if p.state == "disabled"]
    return {
        **document,
        "digest": digest_of(document),
        "minutes": critical_minutes(changing, registry),
        "planned": len(found.units) - len(disabled),
        "disabled": disabled,
        "notes": [
            {"unit": p.unit, "note": p.change.reason}
            for p in found.units
            if p.error is None and not p.change.is_needed and p.change.reason not in ("", NOTHING_TO_DO.reason)
        ],
        "release": _release(found, registry, env, source, document),
    }


def _release(
    found: EnvironmentPlan, registry: Registry, env: Environment, source: Source, document: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What waits behind the gate; None without a gate. Its digest is final once nothing before the gate is pending and
    all that lies behind it has been planned; before that there is none."""
    if env.approval is None:
        return None
    gated = gated_units(registry, env)
    pending = [change["unit"] for change in document["changes"] if change["unit"] in gated]
    planned = {p.unit for p in found.units}
    settled = planned >= set(gated) and not document["unknown"] and len(pending) == len(document["changes"])
    part = plan_document(found, registry, env, source, gated)
    return {
        "before": env.approval.before,
        "approvers": env.approval.approvers,
        "units": pending,
        "digest": digest_of(part) if pending and settled else None,
    }
