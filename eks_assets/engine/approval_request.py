"""Puts the plan of what lies behind the gate up for approval, and says how a request stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eks_assets.engine.commit_authors import deployed_authors
from eks_assets.engine.coverage import coverage_faults
from eks_assets.engine.gate import load_approved_plan
from eks_assets.engine.planner import plan_environment
from eks_assets.engine.provenance import check_source, source_of
from eks_assets.engine.reach import is_gate_everywhere
from eks_assets.graph.registry import Registry
from eks_assets.plan.document import build_plan
from eks_assets.plan.model import Entry, Plan
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.plan.wording import source_words, with_plural
from resources.approval.decisions import decision_command
from resources.approval.electorate import Approvers
from resources.approval.least_gate import require_anchor
from resources.approval.record import ApprovalRecord, read_request_state, record_grant_used
from resources.approval.rules import NOBODY, ApprovalRequest, Authors, RequestState, describe_unproved
from resources.approval.store import ALL_UNITS, create_request, publish_plan
from resources.aws.session import caller_arn
from resources.bootstrap.gate import read_anchor
from resources.config.environment import Approval, Environment
from resources.context import Context
from resources.model.errors import ApprovalMissing, PipelineError
from resources.model.outputs import Outputs
from resources.notifications.messages import Notification, approval_needed
from resources.notifications.topic import send_notification
from resources.records.digest_key import create_digest_key


@dataclass(frozen=True)
class PendingApproval:
    """What is pending behind the gate. `planned`: as the planner found it; `plan`: as people sign it; `state`: how its
    request stands, None where nothing is pending; `is_new`: whether this call submitted it; `refusals`: why an earlier
    grant does not cover it."""

    planned: EnvironmentPlan
    plan: Plan
    state: RequestState | None
    is_new: bool = False
    refusals: tuple[str, ...] = ()

    @property
    def reach(self) -> dict[str, tuple[str, ...]]:
        """What the units before the gate that are behind it change of identity and reach."""
        return {unit.unit: unit.reach for unit in self.planned.units if unit.reach}

    @property
    def is_granted(self) -> bool:
        return self.state is not None and self.state.status == "granted"


def request_approval(
    registry: Registry, context: Context, approval: Approval, *, through: str = "", sender: str = ""
) -> PendingApproval:
    """Plan what lies behind the gate, by its wave or by what it changes; where no grant covers it, write the plan to
    the ledger, ask for approval (once for the same plan), and tell people. A grant of which nothing is left to do is
    used up. No unit is changed. `through`, `sender`: who asked, as in `ApprovalRequest`.

    Raises ApprovalMissing where nobody proved who asks and there are too few others to approve; GateNotAnchored where
    the gate is less than the anchored one, or not anchored at all; PipelineError where a unit behind the gate cannot be
    planned."""
    create_digest_key(context)
    source = source_of(context)
    check_source(source, approval)
    # What lies before the gate may be behind it by what it changes, which only its plan can tell.
    names = None if is_gate_everywhere(context) else registry.gated(context.env)
    planned = plan_environment(registry, context, only=names, with_checks=False, with_preview=True)
    for unit in planned.errors:
        if unit.error is not None:
            raise unit.error
    plan = build_plan(planned, registry, context.env, source, planned.gated(registry, context.env))
    record = ApprovalRecord.read(context, approval)
    record.record_rejections()
    grant = record.grant
    if not plan.changes:
        # What was approved and is there by now is done: nobody shall do it again under the same grant.
        if grant is not None and record.uses_of(grant.request):
            record_grant_used(context, grant.request)
        return PendingApproval(planned, plan, None)
    outputs = {p.unit: p.outputs for p in planned.units if p.outputs is not None}
    refusals = list_refusals(plan, grant, record, outputs) if grant is not None else ()
    if grant is not None and not refusals:
        return PendingApproval(planned, plan, grant)
    require_anchor(context)
    state, is_new = submit_plan(plan, record, approval, through, sender)
    send_notification(context, approval_notification(context.env, state, plan))
    return PendingApproval(planned, plan, state, is_new, refusals)


def submit_plan(
    plan: Plan, record: ApprovalRecord, approval: Approval, through: str = "", sender: str = ""
) -> tuple[RequestState, bool]:
    """The request for the plan that waits, whoever asked for it first, and whether it is a new one. Raises
    ApprovalMissing as `check_approvers` does."""
    context = record.context
    digest = publish_plan(context, plan.document())
    waiting = [s for s in record.states if s.request.digest == digest and s.status == "waiting"]
    if waiting:
        return waiting[-1], False
    initiator, earlier = caller_arn(context.env), [s.request for s in record.states]
    authors = deployed_authors(context, approval) if plan.kind == "deploy" else NOBODY
    check_approvers(context, approval, initiator, through, authors, command_of(plan, context.env))
    request = create_request(context, digest, initiator, earlier, through, sender, authors)
    return read_request_state(context, request, approval), True


def command_of(plan: Plan, env: Environment) -> str:
    """The command that submits the plan, and carries it out once it is approved."""
    if plan.kind == "deploy":
        return f"eks-assets deploy {env.name}"
    with_data = plan.kind.endswith("with data")
    is_part = plan.kind.startswith("remove")
    return remove_command(env, delete_data=with_data) if is_part else destroy_command(env, delete_data=with_data)


def destroy_command(env: Environment, *, delete_data: bool) -> str:
    """The command that removes the environment, or continues to."""
    return f"eks-assets destroy {env.name} --confirm {env.name}" + (" --delete-data" if delete_data else "")


def from_ledger_option(region: str | None) -> str:
    """What the command has beside where the environment's file is gone; nothing where it is there."""
    return f" --from-ledger --region {region}" if region else ""


def remove_command(env: Environment, *, delete_data: bool) -> str:
    """The command that removes what the environment no longer has, or continues to."""
    return f"eks-assets destroy {env.name} --removed --confirm {env.name}" + (" --delete-data" if delete_data else "")


def check_approvers(
    context: Context, approval: Approval, initiator: str, through: str, authors: Authors, command: str
) -> None:
    """Raises ApprovalMissing where nobody proved who asks, and approval.allow has not that one approver more beside the
    people who wrote what is deployed."""
    approvers = Approvers(context, approval, read_anchor(context))
    unproved = describe_unproved(approval, approvers, initiator, through, authors)
    needed, name = approval.approvers + bool(unproved), context.env.name
    if not unproved or (voters := approvers.count_voters() - len(authors.people)) >= needed:
        return
    sandbox = f'eval "$(eks-assets sandbox env --as initiator)"; {command}'
    raise ApprovalMissing(
        f"the plan of {name} was not submitted for approval: nobody proved who asks ({initiator}: {unproved}), so it "
        f"takes {with_plural(needed, 'approver')}, and approval.allow has {voters:.0f}",
        next_step=f"ask as a person: {sandbox}" if context.env.sandbox else f"as a person: {command}",
    )


def list_refusals(
    plan: Plan, grant: RequestState, record: ApprovalRecord, outputs: Mapping[str, Outputs]
) -> tuple[str, ...]:
    """Why the grant does not cover the plan, each reason once. `outputs`: outputs by unit, for what nobody knew when it
    was approved."""
    try:
        approved = load_approved_plan(record.context, grant.request.digest)
    except PipelineError as error:
        return (error.message,)
    uses = record.uses_of(grant.request)
    if ALL_UNITS in uses:
        return ("the grant has been used",)
    reasons = [
        reason
        for entry in plan.changes
        for reason in coverage_faults(approved, plan, entry, outputs, uses.get(entry.unit, ""))
    ]
    return tuple(dict.fromkeys(reasons))


def approval_notification(env: Environment, state: RequestState, plan: Plan) -> Notification:
    """The message that a plan waits for approval: which units and fields would change, never the values."""
    changes = [_change_line(entry) for entry in plan.changes]
    request, commands = state.request, decision_commands(env, state.request)
    return approval_needed(
        env,
        request.digest,
        request.id,
        changes,
        commands,
        source=source_words(plan),
        initiator=describe_initiator(state),
        is_proved=not state.unproved,
        removes="" if plan.kind == "deploy" else "it" if plan.kind.startswith("destroy") else "what it no longer has",
    )


def _change_line(entry: Entry) -> str:
    paths = [field.path for field in entry.fields if field.path]
    first = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    label = "" if entry.reversibility == "reversible" else f" ({entry.reversibility})"
    return f"{entry.action} {entry.unit} ({entry.wave}){label}" + (f": {first}" if first else "")


def decision_commands(env: Environment, request: ApprovalRequest) -> list[str]:
    """How to decide: by our command line, or with the AWS CLI alone."""
    digest = request.digest.removeprefix("sha256:")
    return [
        f"eks-assets approve {env.name} --digest {digest} --reason '...'",
        f"eks-assets reject {env.name} --digest {digest} --reason '...'",
        decision_command(env, request, "approve", "..."),
    ]


def describe_state(state: RequestState, approvers: int) -> str:
    """One line on how a request stands; `approvers`: how many it takes where somebody proved who asked."""
    approvers += bool(state.unproved)
    digest, until = state.request.digest[:19], f"{state.until:%Y-%m-%d %H:%M} UTC"
    names = f" ({', '.join(state.approvers)})" if state.approvers else ""
    counted = f"{approvers - state.missing} of {approvers}"
    return {
        "waiting": f"{digest} is waiting for approval: {counted}{names}, until {until}",
        "granted": f"{digest} is approved by {', '.join(state.approvers)}, until {until}",
        "rejected": f"{digest} was rejected by {state.by}: {state.reason or 'no reason given'}",
        "expired": f"{digest} expired at {until} with {counted} approvals{names}",
        "closed": f"{digest} is closed, and nobody can approve it any more: {state.reason}",
        "used": f"{digest} was approved and has been carried out",
    }[state.status]


def describe_initiator(state: RequestState) -> str:
    """Who asked, and whether anybody proved it."""
    request = state.request
    through = f" through {request.through}" if request.through else ""
    sender = f", sent by {request.sender}" if request.sender else ""
    written = f", with what {' and '.join(request.authors)} committed" if request.authors else ""
    unproved = f"; nobody proved who asked ({state.unproved}): one approver more" if state.unproved else ""
    return f"{request.initiator}{through}{sender}{written}{unproved}"


def describe_newest_request(context: Context) -> tuple[bool, str]:
    """Whether the newest request is approved (or none is needed), and what to do where it is not."""
    approval = context.env.approval
    if approval is None:
        return True, f"{context.env.name} has no approval gate"
    states = ApprovalRecord.read(context, approval).states
    if not states:
        return True, "nothing has been submitted for approval"
    newest = states[-1]
    line = describe_state(newest, approval.approvers)
    if newest.status == "waiting":
        line += f"; to approve it: {decision_commands(context.env, newest.request)[0]}"
    return newest.status in ("granted", "used"), line
