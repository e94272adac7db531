"""`eks-assets approve`, `reject` and `approvals`: decide on a plan that waits, and see how each one stands.

A decision is written as whoever calls, not as the pipeline: AWS names its author.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json

if TYPE_CHECKING:
    from resources.approval.rules import Standing
    from resources.config.environment import Approval, Environment
    from resources.context import Context

Digest = Annotated[str, typer.Option("--digest", help="The digest of the plan; its first 12 characters are enough.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]


def approve(environment: EnvironmentName, digest: Digest, reason: Reason) -> None:
    """Approve exactly the plan with that digest. Exit 0 when it is fully approved, 3 while approvals are missing."""
    _decide(environment, "approve", digest, reason)


def reject(environment: EnvironmentName, digest: Digest, reason: Reason) -> None:
    """Reject the plan with that digest; that ends its release, and every grant before it."""
    _decide(environment, "reject", digest, reason)


def approvals(environment: EnvironmentName, json_output: Json = False) -> None:
    """Show the plans that were put up for approval and how each stands. Exit 3 while one is waiting."""
    from resources.approval.decisions import standings
    from resources.approval.electorate import Approvers
    from resources.context import Context
    from resources.model.errors import AccessDenied

    env, approval = _gated(environment)
    try:
        context = Context.of(env)
        found = standings(context, approval)
    except AccessDenied:  # an approver need not be able to deploy
        context = _as_caller(env)
        found = standings(context, approval)
    if json_output:
        print(json.dumps({"environment": env.name, "releases": [_as_json(one) for one in found]}, indent=2))
    else:
        _show(env, approval, found, Approvers(context, approval).warnings())
    raise SystemExit(3 if any(one.status == "waiting" for one in found) else 0)


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
    from eks_assets.engine.approval_request import describe
    from resources.approval.decisions import find_request, standing, vote
    from resources.model.errors import AccessDenied

    env, approval = _gated(environment)
    context = _as_caller(env)
    request = find_request(context, digest)
    vote(context, request, verdict, reason)
    console = Console(soft_wrap=True)
    try:
        now = standing(context, request, approval)
    except AccessDenied:  # whoever may decide need not be able to read how others did
        console.print(f"your decision on {request.digest[:19]} is written: {verdict}")
        return
    console.print(f"{env.name}: {describe(now, approval.approvers)}", highlight=False, markup=False)
    for line in now.ignored:
        console.print(f"does not count: {line}", style="yellow", highlight=False, markup=False)
    if now.status == "granted":
        console.print(f"It follows by itself where Dagster runs, or by: eks-assets deploy {env.name}", highlight=False)
    raise SystemExit({"granted": 0, "waiting": 3, "rejected": 0 if verdict == "reject" else 1}.get(now.status, 1))


def _show(env: Environment, approval: Approval, found: list[Standing], warnings: list[str]) -> None:
    from eks_assets.engine.approval_request import commands, describe

    console = Console(soft_wrap=True)
    console.print(
        f"{env.name}: approvals before {approval.before}: {approval.approvers} needed, good for {approval.expires}",
        highlight=False,
    )
    for one in found:
        asked = f"asked {one.request.at:%Y-%m-%d %H:%M:%S} UTC by {one.request.initiator}"
        console.print(f"{describe(one, approval.approvers)}\n  {asked}", highlight=False, markup=False)
        for line in one.ignored:
            console.print(f"  does not count: {line}", style="yellow", highlight=False, markup=False)
        if one.status == "waiting":
            for command in commands(env, one.request):
                console.print(f"  {command}", highlight=False, markup=False)
    if not found:
        console.print("nothing has been put up for approval")
    for line in warnings:
        console.print(f"warning: {line}", style="yellow", highlight=False, markup=False)


def _as_json(one: Standing) -> dict[str, Any]:
    request = one.request
    return {
        "digest": request.digest,
        "release": request.id,
        "status": one.status,
        "approvers": list(one.approvers),
        "missing": one.missing,
        "asked": request.at.isoformat(),
        "initiator": request.initiator,
        "until": one.until.isoformat(),
        "by": one.by,
        "reason": one.reason,
        "ignored": list(one.ignored),
    }
