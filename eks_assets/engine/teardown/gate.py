"""What stands before a removal: an environment's protection, and its approval gate.

The gate is that of a deploy, with a plan of another kind: no grant of the one covers the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from eks_assets.engine.approval_request import (
    approval_notification,
    command_of,
    describe_state,
    list_refusals,
    submit_plan,
)
from eks_assets.engine.gate import load_approved_plan
from eks_assets.engine.provenance import check_source, source_of
from eks_assets.plan.model import Plan
from eks_assets.plan.teardown import Scope, TeardownPlan, build_signed_plan
from resources.approval.least_gate import refuse_lesser_gate, require_anchor
from resources.approval.record import ApprovalRecord, record_grant_used
from resources.approval.rules import ApprovalRequest, RequestState
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import ApprovalMissing, OperationFailed, PipelineError, Refused
from resources.notifications.topic import send_notification
from resources.records.digest_key import create_digest_key


@dataclass(frozen=True)
class TeardownGrant:
    """The grant that a removal is carried out under. `units`: those of the plan that was approved."""

    record: ApprovalRecord
    request: ApprovalRequest
    units: tuple[str, ...]

    def record_start(self, unit: str) -> None:
        """Note that the unit is about to be removed under it."""
        self.record.record_start(self.request, unit)

    def record_end(self, unit: str) -> None:
        """Note that the unit is removed, and where it was the last one, that the grant is used up."""
        self.record.record_end(self.request, unit, self.units)

    def as_recorded(self) -> Mapping[str, str]:
        """As the ledger's entries name it."""
        return {"request": self.request.id, "digest": self.request.digest}


@dataclass(frozen=True)
class TeardownRequest:
    """How the request for a removal stands. `refusals`: why an earlier grant does not cover it."""

    plan: Plan
    state: RequestState
    refusals: tuple[str, ...] = ()

    @property
    def is_granted(self) -> bool:
        return self.state.status == "granted"


def refuse_protected(env: Environment, scope: Scope = "environment") -> None:
    """Raises Refused where the environment's file protects it, with the line to change. What it no longer has may go
    all the same, where a gate stands before that."""
    if not env.is_protected or (scope == "removed" and env.approval is not None):
        return
    why = "`protected: true`" if env.protected else "an approval gate, which protects it by default"
    raise Refused(
        f"environment {env.name} is protected: its file has {why}; nothing was removed",
        next_step=f"write the line `protected: false` into {env.name}.yaml and commit it, then run it again",
    )


def request_teardown(plan: TeardownPlan, context: Context) -> TeardownRequest | None:
    """Put the removal up for approval where no grant covers it (once for the same plan), and tell people; None for an
    environment without a gate, and where there is nothing to remove. Nothing is removed.

    Raises Refused, GateNotAnchored, ConfigError, ApprovalMissing where too few could approve it, and OperationFailed
    where nobody can tell all that would go."""
    refuse_protected(context.env, plan.scope)
    refuse_lesser_gate(context)
    approval = context.env.approval
    if approval is None:
        return None
    _refuse_unknown(plan)
    if not plan.removal.removes:
        _use_up(ApprovalRecord.read(context, approval))
        return None
    create_digest_key(context)
    source = source_of(context)
    check_source(source, approval)
    signed = build_signed_plan(plan, context.env, source)
    record = ApprovalRecord.read(context, approval)
    record.record_rejections()
    refusals: tuple[str, ...] = ()
    if (grant := record.grant) is not None:
        refusals = list_refusals(signed, grant, record, {})
        if not refusals:
            return TeardownRequest(signed, grant)
    require_anchor(context)
    state, _ = submit_plan(signed, record, approval)
    send_notification(context, approval_notification(context.env, state, signed))
    return TeardownRequest(signed, state, refusals)


@contextmanager
def open_gate(plan: TeardownPlan, context: Context) -> Iterator[TeardownGrant | None]:
    """Within it the removal may be carried out as planned, under the grant that it gives; None where it needs none. The
    environment is held.

    Raises what `request_teardown` raises, and ApprovalMissing where nobody has approved exactly this."""
    request = request_teardown(plan, context)
    approval = context.env.approval
    if request is None or approval is None:
        yield None
        return
    if not request.is_granted:
        raise waiting_for_approval(request, context)
    record = ApprovalRecord.read(context, approval)
    approved = load_approved_plan(context, request.state.request.digest)
    yield TeardownGrant(record, request.state.request, approved.units)


def waiting_for_approval(request: TeardownRequest, context: Context) -> ApprovalMissing:
    """Why the removal waits, and what carries it out then."""
    approvers = context.env.approval.approvers if context.env.approval else 1
    digest = request.state.request.digest.removeprefix("sha256:")
    return ApprovalMissing(
        f"the removal of {context.env.name} waits for approval: {describe_state(request.state, approvers)}",
        next_step=f"eks-assets approve {context.env.name} --digest {digest} --reason '...'; once it is approved: "
        f"{command_of(request.plan, context.env)}",
    )


def _use_up(record: ApprovalRecord) -> None:
    """What was approved and is gone by now is done: nobody shall do it again under the same grant."""
    grant = record.grant
    if grant is None or not record.uses_of(grant.request):
        return
    with suppress(PipelineError):  # what cannot be read covers nothing anyway
        if load_approved_plan(record.context, grant.request.digest).kind != "deploy":
            record_grant_used(record.context, grant.request)


def _refuse_unknown(plan: TeardownPlan) -> None:
    if plan.errors:
        unit, error = next(iter(plan.errors.items()))
        raise OperationFailed(
            f"nobody can tell what of {unit} would go, so nobody can approve it: {error.message}",
            next_step=error.next_step,
        )
