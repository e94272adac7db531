"""`eks-assets approve`, `reject` and `approvals`: decide on a plan that waits, and see how each one stands.

A decision is written as whoever calls, not as the pipeline: AWS names its author.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json

if TYPE_CHECKING:
    from resources.approval.rules import RequestState
    from resources.config.environment import Approval, Environment
    from resources.context import Context

Digest = Annotated[str, typer.Option("--digest", help="The digest of the plan; its first 12 characters are enough.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]


def approve(environment: EnvironmentName, digest: Digest, reason: Reason) -> None:
    """Approve exactly the plan with that digest. Exit 0 when it is fully approved, 3 while approvals are missing."""
    _decide(environment, "approve", digest, reason)


def reject(environment: EnvironmentName, digest: Digest, reason: Reason) -> None:
    """Reject the plan with that digest; that ends its request, and every grant before it."""
    _decide(environment, "reject", digest, reason)


def approvals(environment: EnvironmentName, json_output: Json = False) -> None:
    """Show the plans that were put up for approval and how each stands. Exit 3 while one is waiting."""
    from resources.approval.electorate import Approvers
    from resources.approval.record import ApprovalRecord
    from resources.context import Context
    from resources.model.errors import AccessDenied

    env, approval = _gated(environment)
    try:
        record = ApprovalRecord.read(Context.of(env), approval)
        record.record_rejections()
    except AccessDenied:  # an approver need not be able to deploy
        record = ApprovalRecord.read(_as_caller(env), approval)
    if json_output:
        print(json.dumps({"environment": env.name, "releases": [_as_json(state) for state in record.states]}, indent=2))
    else:
        _show(env, approval, record.states, Approvers(record.context, approval).warnings())
    raise SystemExit(3 if any(state.status == "waiting" for state in record.states) else 0)


def _gated(environment: str) -> tuple[Environment, Approval]:
    from eks_assets.units import registry
    from resources.config.loader import load_environment
    from resources.model.errors import ConfigError

    env = load_environment(environment, known_units=registry().by_name)
    if env.approval is None:
        raise ConfigError(f"environment {env.name} has no approval gate", next_step="add `approval:` to its file")
    return env, env.approval


def _as_caller(env: Environment) -> Context:
    from resources.aws.session import Aws
    from resources.context import Context

    return Context(env, Aws(env, as_deployer=False))


def _decide(environment: str, verdict: Any, digest: str, reason: str) -> None:
    from eks_assets.engine.approval_request import describe_state
    from resources.approval.decisions import find_request, write_decision
    from resources.approval.record import read_request_state
    from resources.approval.store import record_rejection
    from resources.model.errors import AccessDenied

    env, approval = _gated(environment)
    context = _as_caller(env)
    request = find_request(context, digest)
    write_decision(context, request, verdict, reason)
    console = Console(soft_wrap=True)
    try:
        state = read_request_state(context, request, approval)
        if state.status == "rejected":
            record_rejection(context, request, state.until, state.by, state.reason)
    except AccessDenied:  # whoever may decide need not be able to read how others did
        console.print(f"your decision on {request.digest[:19]} is written: {verdict}")
        return
    console.print(f"{env.name}: {describe_state(state, approval.approvers)}", highlight=False, markup=False)
    for line in state.ignored:
        console.print(f"does not count: {line}", style="yellow", highlight=False, markup=False)
    if state.status == "granted":
        console.print(f"It follows by itself where Dagster runs, or by: eks-assets deploy {env.name}", highlight=False)
    raise SystemExit({"granted": 0, "waiting": 3, "rejected": 0 if verdict == "reject" else 1}.get(state.status, 1))


def _show(env: Environment, approval: Approval, states: Sequence[RequestState], warnings: list[str]) -> None:
    from eks_assets.engine.approval_request import decision_commands, describe_state

    console = Console(soft_wrap=True)
    console.print(
        f"{env.name}: approvals before {approval.before}: {approval.approvers} needed, good for {approval.expires}",
        highlight=False,
    )
    for state in states:
        asked = f"asked {state.request.at:%Y-%m-%d %H:%M:%S} UTC by {state.request.initiator}"
        console.print(f"{describe_state(state, approval.approvers)}\n  {asked}", highlight=False, markup=False)
        for line in state.ignored:
            console.print(f"  does not count: {line}", style="yellow", highlight=False, markup=False)
        if state.status == "waiting":
            for command in decision_commands(env, state.request):
                console.print(f"  {command}", highlight=False, markup=False)
    if not states:
        console.print("nothing has been put up for approval")
    for line in warnings:
        console.print(f"warning: {line}", style="yellow", highlight=False, markup=False)


def _as_json(state: RequestState) -> dict[str, Any]:
    request = state.request
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
    }
