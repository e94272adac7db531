"""What `approve`, `reject` and `approvals` share: the environment with its approval gate, and deciding as the caller.

A decision is written as whoever calls, not as the pipeline: AWS names its author.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.console import print_text
from eks_assets.engine.approval_request import command_of, describe_state
from eks_assets.engine.gate import load_approved_plan
from eks_assets.units import load_registry
from resources.approval.decisions import find_request, write_decision
from resources.approval.record import read_request_state
from resources.approval.rules import ApprovalRequest, Verdict
from resources.aws.session import Aws
from resources.config.environment import Approval, Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.errors import AccessDenied, ConfigError, PipelineError
from resources.records.platform import check_incumbent

Digest = Annotated[str, typer.Option("--digest", help="The digest of the plan; its first 12 characters are enough.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]


def _what_follows(context: Context, request: ApprovalRequest) -> str:
    """Who carries out what was approved just now."""
    with suppress(PipelineError):  # whoever may decide need not be able to read the plan
        plan = load_approved_plan(context, request.digest)
        if plan.kind != "deploy":
            return f"A person carries it out with: {command_of(plan, context.env)}"
    deploy = f"eks-assets deploy {context.env.name}"
    return f"Where Dagster's daemon runs, the deploy continues by itself; else: {deploy}"


def load_gated(environment: str) -> tuple[Environment, Approval]:
    """The environment and its gate. Raises ConfigError where it has none."""
    env = load_environment(environment, known_units=load_registry().by_name)
    if env.approval is None:
        raise ConfigError(f"environment {env.name} has no approval gate", next_step="add `approval:` to its file")
    return env, env.approval


def open_as_caller(env: Environment) -> Context:
    """The environment as whoever calls, who takes no role of the pipeline. Raises ConfigError where another file
    describes its platform."""
    context = Context(env, Aws(env, as_deployer=False))
    with suppress(AccessDenied):  # whoever may decide need not be able to read stacks
        check_incumbent(context)
    return context


def record_decision(environment: str, verdict: Verdict, digest: str, reason: str) -> None:
    """Write a decision on the plan with that digest, print how the plan stands now, and exit: 0 decided, 3 while
    approvals are missing, 1 where the decision has no effect. Raises PipelineError where it cannot be written."""
    env, approval = load_gated(environment)
    context = open_as_caller(env)
    request = find_request(context, digest)
    write_decision(context, request, verdict, reason)
    console = Console(soft_wrap=True)
    try:
        state = read_request_state(context, request, approval)
    except AccessDenied:  # whoever may decide need not be able to read how others did
        print_text(console, f"your decision on {request.digest[:19]} is written: {verdict}")
        return
    print_text(console, f"{env.name}: {describe_state(state, approval.approvers)}")
    for line in state.ignored:
        print_text(console, f"does not count: {line}", "yellow")
    if state.status == "granted":
        print_text(console, _what_follows(context, request))
    raise SystemExit({"granted": 0, "waiting": 3, "rejected": 0 if verdict == "reject" else 1}.get(state.status, 1))
