"""The gate inside every unit: with the lease held, what is pending must be part of a plan that people have approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from eks_assets.engine.coverage import context_deviations, unit_deviations
from eks_assets.engine.provenance import source_of
from eks_assets.graph.registry import Registry, is_gated
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.document import plan_document
from eks_assets.plan.model import EnvironmentPlan, UnitPlan
from resources.approval.decisions import ALL_UNITS, standings, use_up
from resources.approval.rules import Standing, newest_granted
from resources.approval.store import mark, published, uses
from resources.config.environment import Approval
from resources.context import Context
from resources.model.errors import ApprovalMissing, ApprovalStale
from resources.model.outputs import Outputs


@contextmanager
def permission(
    registry: Registry, unit: AnyUnit, pending: UnitPlan, known: Mapping[str, Outputs], context: Context
) -> Iterator[None]:
    """Within it the unit may be changed as `pending` says; outside of the gate that is always so.

    Behind it the newest grant must cover it, once: ApprovalMissing where there is none, ApprovalStale where what was
    approved is not what would happen now, or has been done."""
    approval = context.env.approval
    if approval is None or not is_gated(context.env, unit):
        yield
        return
    now = standings(context, approval)
    grant = newest_granted(now)
    if grant is None:
        raise missing(unit, approval, now, context)
    approved = published(context, grant.request.digest)
    marks = uses(context, grant.request)
    if faults := deviations(registry, unit, pending, known, approved, context, marks.get(unit.name)):
        raise stale(grant, faults, context)
    mark(context, grant.request, unit.name, "started")
    yield
    mark(context, grant.request, unit.name, "done")
    done = {name for name, how in uses(context, grant.request).items() if how == "done"}
    if {entry["unit"] for entry in approved["changes"]} <= done | {ALL_UNITS}:
        use_up(context, grant.request)


def deviations(
    registry: Registry,
    unit: AnyUnit,
    pending: UnitPlan,
    known: Mapping[str, Outputs],
    approved: Mapping[str, object],
    context: Context,
    how_far: str | None,
) -> tuple[str, ...]:
    """Where the unit's pending change, or what it is made from, is not what was approved. `how_far`: the unit's mark
    under the grant, `started` or `done`."""
    alone = EnvironmentPlan(context.env.name, (pending,))
    now = plan_document(alone, registry, context.env, source_of(context), [unit.name])
    (entry,) = now["changes"]
    used = [f"{unit.name} has been changed under this grant before; a grant is used once"] if how_far == "done" else []
    inside = unit_deviations(approved, entry, known, started=how_far is not None)
    return (*used, *context_deviations(approved, now), *inside)


def missing(unit: AnyUnit, approval: Approval, now: list[Standing], context: Context) -> ApprovalMissing:
    """Why the gate is closed, and what opens it."""
    name = context.env.name
    waiting = [s for s in now if s.status == "waiting"]
    if not waiting:
        return ApprovalMissing(
            f"{unit.name} in {name} is waiting for approval, and no plan of it has been put up yet",
            next_step=f"eks-assets deploy {name} puts it up (in the UI: materialize release_plan)",
        )
    digest, short = waiting[-1].request.digest[:19], waiting[-1].missing
    return ApprovalMissing(
        f"{unit.name} in {name} is waiting for approval of {digest}: {short} of {approval.approvers} missing",
        next_step=f"eks-assets approve {name} --digest {digest} --reason ...",
    )


def stale(grant: Standing, faults: tuple[str, ...], context: Context) -> ApprovalStale:
    """What was approved is not what would happen: each difference on a line."""
    shown = "\n  ".join(faults[:10]) + (f"\n  and {len(faults) - 10} more" if len(faults) > 10 else "")
    return ApprovalStale(
        f"the approval of {grant.request.digest[:19]} does not cover this:\n  {shown}",
        next_step=f"eks-assets deploy {context.env.name} puts the plan as it is now up for approval",
    )
