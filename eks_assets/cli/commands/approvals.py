"""`eks-assets approvals`: the plans that were submitted for approval, and how each stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.gated import load_gated, open_as_caller
from eks_assets.cli.opened import open_environment
from eks_assets.engine.approval_request import decision_commands, describe_initiator, describe_state
from eks_assets.engine.gate import load_approved_plan
from eks_assets.plan.wording import source_words
from resources.approval.electorate import Approvers
from resources.approval.record import ApprovalRecord
from resources.approval.rules import RequestState
from resources.bootstrap.gate import read_anchor
from resources.config.environment import Approval
from resources.context import Context
from resources.model.errors import AccessDenied, PipelineError


def approvals(environment: EnvironmentName, json_output: Json = False) -> None:
    """Show the plans that were submitted for approval and how each stands. Exit 3 while one is waiting."""
    env, approval = load_gated(environment)
    try:
        record = ApprovalRecord.read(open_environment(env), approval)
    except AccessDenied:  # an approver need not be able to deploy
        record = ApprovalRecord.read(open_as_caller(env), approval)
    if json_output:
        releases = [_as_json(state) for state in record.states]
        ignored = {"ignored": list(record.ignored)} if record.ignored else {}
        print(json.dumps({"environment": env.name, "releases": releases, **ignored}, indent=2))
    else:
        warnings = [*record.ignored, *_warnings(record.context, approval)]
        _show(record.context, approval, record.states, warnings)
    raise SystemExit(3 if any(state.status == "waiting" for state in record.states) else 0)


def _warnings(context: Context, approval: Approval) -> list[str]:
    return Approvers(context, approval, read_anchor(context)).warnings()


def _show(context: Context, approval: Approval, states: Sequence[RequestState], warnings: list[str]) -> None:
    env = context.env
    console = Console(soft_wrap=True)
    gate = f"approvals before {approval.before}: {approval.approvers} needed, good for {approval.expires}"
    print_text(console, f"{env.name}: {gate}")
    for state in states:
        asked = f"asked {state.request.at:%Y-%m-%d %H:%M:%S} UTC by {describe_initiator(state)}"
        print_text(console, describe_state(state, approval.approvers))
        print_text(console, f"  {asked}", indent="    ")
        for line in _plan_lines(context, state) if state.status in ("waiting", "granted") else ():
            print_text(console, f"  {line}", indent="    ")
        for line in state.ignored:
            print_text(console, f"  does not count: {line}", "yellow", indent="    ")
        if state.status == "waiting":
            for command in decision_commands(env, state.request):
                print_text(console, f"  {command}", indent="    ")
    if not states:
        print_text(console, "nothing was submitted for approval")
    for line in warnings:
        print_text(console, f"warning: {line}", "yellow")


def _plan_lines(context: Context, state: RequestState) -> Iterator[str]:
    """The whole digest, and the commits that the plan was made with where the ledger lets them be read."""
    yield f"plan {state.request.digest}"
    try:
        plan = load_approved_plan(context, state.request.digest)
    except PipelineError as error:
        yield f"its commits cannot be read: {error.message}"
        return
    yield from (f"{name.lower()} {commit}" for name, commit in source_words(plan).items())


def _as_json(state: RequestState) -> dict[str, Any]:
    """What is unset in most requests is left out of the others, as scripts have read them so far."""
    request = state.request
    optional = {"through": request.through, "sender": request.sender, "nobody_proved": state.unproved}
    return {
        "digest": request.digest,
        "release": request.id,
        "status": state.status,
        "approvers": list(state.approvers),
        "missing": state.missing,
        "asked": request.at.isoformat(),
        "initiator": request.initiator,
        "until": state.until.isoformat(),
        "by": state.by,
        "reason": state.reason,
        "ignored": list(state.ignored),
        **{key: value for key, value in optional.items() if value},
    }
