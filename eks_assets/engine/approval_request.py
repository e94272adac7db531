"""Puts the plan of what lies behind the gate up for approval, and says how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eks_assets.engine.gate import deviations
from eks_assets.engine.planner import plan_environment
from eks_assets.engine.provenance import source_of
from eks_assets.graph.registry import Registry, gated_units
from eks_assets.plan.document import plan_document
from eks_assets.plan.model import EnvironmentPlan
from resources.approval.decisions import ALL_UNITS, aws_command, standing, standings, use_up
from resources.approval.rules import Request, Standing, newest_granted
from resources.approval.store import ask, publish, published, uses
from resources.aws.session import caller
from resources.config.environment import Approval, Environment
from resources.context import Context
from resources.model.errors import PipelineError
from resources.notifications.messages import Notification, approval_needed
from resources.notifications.topic import publish as notify


@dataclass(frozen=True)
class ReleasePlan:
    """What is pending behind the gate. `standing`: how its release stands, None where nothing is pending; `document`:
    the plan itself; `asked`: whether this call put it up; `refused`: why an earlier grant does not cover it."""

    plan: EnvironmentPlan
    document: dict[str, Any]
    standing: Standing | None
    asked: bool = False
    refused: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[str, ...]:
        return tuple(change["unit"] for change in self.document["changes"])

    @property
    def is_granted(self) -> bool:
        return self.standing is not None and self.standing.status == "granted"


def plan_release(registry: Registry, context: Context, approval: Approval) -> ReleasePlan:
    """Plan what lies behind the gate; where no grant covers it, write the plan to the ledger and ask for approval, once
    for the same plan. Nothing else is changed.

    Raises PipelineError where a unit behind the gate cannot be planned."""
    names = gated_units(registry, context.env)
    found = plan_environment(registry, context, only=names, with_checks=False, with_preview=True)
    for unit in found.errors:
        if unit.error is not None:
            raise unit.error
    document = plan_document(found, registry, context.env, source_of(context), names)
    now = standings(context, approval)
    grant = newest_granted(now)
    if not document["changes"]:
        # What was approved and is there by now is done: nobody shall do it again under the same grant.
        if grant is not None and uses(context, grant.request):
            use_up(context, grant.request)
        return ReleasePlan(found, document, None)
    refused = _refusals(registry, found, grant, context) if grant is not None else ()
    if grant is not None and not refused:
        return ReleasePlan(found, document, grant)
    digest = publish(context, document)
    open_one = next((s for s in reversed(now) if s.request.digest == digest and s.status == "waiting"), None)
    asked = open_one is None
    if open_one is None:
        request = ask(context, digest, caller(context.env), [s.request for s in now])
        open_one = standing(context, request, approval)
    notify(context, request_notification(context.env, open_one.request, document))
    return ReleasePlan(found, document, open_one, asked, refused)


def request_notification(env: Environment, request: Request, document: Mapping[str, Any]) -> Notification:
    """The message that a plan waits for approval: which units and fields would change, never the values."""
    summary = [_changed(change) for change in document["changes"]]
    return approval_needed(env, request.digest, request.id, summary, commands(env, request))


def _changed(change: Mapping[str, Any]) -> str:
    paths = [str(field["path"]) for field in change["fields"] if field["path"]]
    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    label = "" if change["reversibility"] == "reversible" else f" ({change['reversibility']})"
    return f"{change['action']} {change['unit']} ({change['wave']}){label}" + (f": {shown}" if shown else "")


def _refusals(registry: Registry, found: EnvironmentPlan, grant: Standing, context: Context) -> tuple[str, ...]:
    try:
        approved = published(context, grant.request.digest)
    except PipelineError as error:
        return (error.message,)
    marks = uses(context, grant.request)
    if ALL_UNITS in marks:
        return ("the grant has been used",)
    faults: list[str] = []
    known = {p.unit: p.outputs for p in found.units if p.outputs is not None}
    for p in found.units:
        if p.change.is_needed:
            faults += deviations(registry, registry[p.unit], p, known, approved, context, marks.get(p.unit))
    return tuple(dict.fromkeys(faults))


def commands(env: Environment, request: Request) -> list[str]:
    """How to decide: by our command line, or with the AWS CLI alone."""
    digest = request.digest.removeprefix("sha256:")[:12]
    return [
        f"eks-assets approve {env.name} --digest {digest} --reason '...'",
        f"eks-assets reject {env.name} --digest {digest} --reason '...'",
        aws_command(env, request, "approve", "..."),
    ]


def describe(now: Standing, approvers: int) -> str:
    """One line on how a release stands."""
    digest, until = now.request.digest[:19], f"{now.until:%Y-%m-%d %H:%M} UTC"
    have = f" ({', '.join(now.approvers)})" if now.approvers else ""
    return {
        "waiting": f"{digest} is waiting for approval: {approvers - now.missing} of {approvers}{have}, until {until}",
        "granted": f"{digest} is approved by {', '.join(now.approvers)}, until {until}",
        "rejected": f"{digest} was rejected by {now.by}: {now.reason or 'no reason given'}",
        "expired": f"{digest} expired at {until} with {approvers - now.missing} of {approvers} approvals{have}",
        "used": f"{digest} was approved and has been carried out",
    }[now.status]


def standing_line(context: Context) -> tuple[bool, str]:
    """Whether the newest release is approved (or none is needed), and what to do where it is not."""
    approval = context.env.approval
    if approval is None:
        return True, f"{context.env.name} has no approval gate"
    found = standings(context, approval)
    if not found:
        return True, "nothing has been put up for approval"
    newest = found[-1]
    words = describe(newest, approval.approvers)
    if newest.status == "waiting":
        words += f"; to approve it: {commands(context.env, newest.request)[0]}"
    return newest.status in ("granted", "used"), words
