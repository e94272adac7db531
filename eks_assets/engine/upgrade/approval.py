"""The approval of an upgrade: each minor version is a plan of its own, of the environment as if its file said that."""

from __future__ import annotations

from eks_assets.engine.approval_request import decision_commands, describe_state, request_approval
from eks_assets.graph.registry import Registry
from resources.context import Context
from resources.model.errors import ApprovalMissing


def ask_approval(registry: Registry, context: Context, asked: tuple[str, str]) -> None:
    """Where there is a gate, put up what the context's version changes. `asked`: through which tool and by whom.

    Raises ApprovalMissing until people have approved it; what `request_approval` raises."""
    approval = context.env.approval
    if approval is None:
        return
    context.cache.clear()
    through, sender = asked
    pending = request_approval(registry, context, approval, through=through, sender=sender)
    context.cache.clear()
    if pending.state is None or pending.is_granted:
        return
    stale = "".join(f"\n  an earlier approval does not cover this: {refusal}" for refusal in pending.refusals)
    raise ApprovalMissing(
        f"the upgrade of {context.env.name} to {context.upgrades_to} waits: "
        f"{describe_state(pending.state, approval.approvers)}{stale}",
        next_step=decision_commands(context.env, pending.state.request)[0],
    )
