"""The gate inside every unit: with the lease held, what is pending must be part of a plan that people have approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import ValidationError

from eks_assets.engine.coverage import Progress, coverage_faults
from eks_assets.engine.provenance import check_source, source_of
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.document import build_entry, build_surroundings
from eks_assets.plan.model import Plan
from eks_assets.plan.unit_plan import UnitPlan
from resources.approval.least_gate import refuse_lesser_gate, require_anchor
from resources.approval.record import ApprovalRecord
from resources.approval.rules import ApprovalRequest, RequestState
from resources.approval.store import load_plan
from resources.config.environment import Approval
from resources.context import Context
from resources.model.errors import ApprovalMissing, ApprovalStale
from resources.model.outputs import Outputs


@contextmanager
def approved_change(
    unit: AnyUnit, pending: UnitPlan, outputs: Mapping[str, Outputs], context: Context
) -> Iterator[ApprovalRequest | None]:
    """Within it the unit may be changed as `pending` says, under the grant of the request that it gives; outside of the
    gate that is always so, with none. Behind it is what lies in a wave behind it, and what `pending` says to touch
    identity or reach.

    Behind it the newest grant must cover it, once: ApprovalMissing where there is none, ApprovalStale where what was
    approved is not what would happen now, or has been done. Before and behind it the file must ask for as much as an
    administrator anchored: GateNotAnchored."""
    refuse_lesser_gate(context)
    approval = context.env.approval
    if approval is None or not (pending.reach or unit.is_gated(context.env)):
        yield None
        return
    record = ApprovalRecord.read(context, approval)
    record.record_rejections()
    grant = record.grant
    if grant is None:
        require_anchor(context)
        raise approval_missing(pending, approval, record.states, context)
    approved = load_approved_plan(context, grant.request.digest)
    progress: Progress = record.uses_of(grant.request).get(unit.name, "")
    source = source_of(context)
    check_source(source, approval)
    around = build_surroundings(context.env, source)
    if faults := coverage_faults(approved, around, build_entry(pending, unit, source), outputs, progress):
        raise approval_stale(grant, faults, context)
    record.record_start(grant.request, unit.name)
    yield grant.request
    record.record_end(grant.request, unit.name, approved.units)


def load_approved_plan(context: Context, digest: str) -> Plan:
    """The plan that was submitted under that digest. Raises NotFound; ApprovalStale where what the ledger has there is
    something else, or is no plan."""
    try:
        return Plan.model_validate_json(load_plan(context, digest))
    except ValidationError as error:
        raise ApprovalStale(
            f"the plan {digest[:19]} in the ledger is no plan that this version can read: "
            f"{error.errors(include_input=False, include_url=False)[0]['msg']}",
            next_step=f"eks-assets deploy {context.env.name} puts the plan as it is now up for approval",
        ) from None


def approval_missing(
    pending: UnitPlan, approval: Approval, states: tuple[RequestState, ...], context: Context
) -> ApprovalMissing:
    """Why the gate is closed, and what opens it."""
    name = context.env.name
    why = f", since it changes identity or reach ({'; '.join(pending.reach)})" if pending.reach else ""
    waiting = [state for state in states if state.status == "waiting"]
    if not waiting and states and states[-1].status == "closed":
        return ApprovalMissing(
            f"{pending.unit} in {name} is not approved: the request for {states[-1].request.digest[:19]} is closed, "
            f"{states[-1].reason}",
            next_step=f"eks-assets deploy {name} asks again",
        )
    if not waiting:
        return ApprovalMissing(
            f"{pending.unit} in {name} is waiting for approval, and no plan of it has been submitted yet{why}",
            next_step=f"eks-assets deploy {name} submits it (in the UI: materialize release_plan)",
        )
    digest, missing, needed = waiting[-1].request.digest[:19], waiting[-1].missing, waiting[-1].needed(approval)
    return ApprovalMissing(
        f"{pending.unit} in {name} is waiting for approval of {digest}: {missing} of {needed} missing{why}",
        next_step=f"eks-assets approve {name} --digest {digest} --reason ...",
    )


def approval_stale(grant: RequestState, faults: tuple[str, ...], context: Context) -> ApprovalStale:
    """What was approved is not what would happen: each difference on a line."""
    lines = "\n  ".join(faults[:10]) + (f"\n  and {len(faults) - 10} more" if len(faults) > 10 else "")
    return ApprovalStale(
        f"the approval of {grant.request.digest[:19]} does not cover this:\n  {lines}",
        next_step=f"eks-assets deploy {context.env.name} puts the plan as it is now up for approval",
    )
