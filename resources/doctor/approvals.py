"""Who may approve, and whether what they would write proves anything."""

from __future__ import annotations

from collections.abc import Iterator

from resources.approval.electorate import Approvers
from resources.approval.least_gate import refuse_lesser_gate, require_anchor
from resources.bootstrap.gate import read_anchor
from resources.context import Context
from resources.doctor.checks import Line, account_check


@account_check()
def check_gate_anchor(context: Context) -> Iterator[Line]:
    """An administrator anchored the gate, and the file asks for no less."""
    refuse_lesser_gate(context)
    require_anchor(context)
    yield Line.ok("the approval gate is the anchored one" if context.env.approval else "there is no approval gate")


@account_check()
def check_approvers(context: Context) -> Iterator[Line]:
    """Enough identities of approval.allow prove who they are."""
    env, approval = context.env, context.env.approval
    if approval is None:
        yield Line.ok("nobody has to approve")
        return
    approvers = Approvers(context, approval, read_anchor(context))
    fix = f"name IAM users or a permission set under approval.allow, then: eks-assets bootstrap {env.name} --apply"
    for fault in approvers.warnings():
        yield Line.warning(f"approval.allow: {fault}", fix)
    people = approvers.count_voters()
    if people < approval.approvers:
        yield Line.error(f"{people:.0f} people can prove an approval, and {approval.approvers} are asked for", fix)
    else:
        yield Line.ok(f"{approval.approvers} approvals are asked for, and enough people can give them")
