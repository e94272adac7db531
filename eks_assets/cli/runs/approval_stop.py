"""What `deploy` does at the approval gate: submit the plan, show how it stands, and name the units that may run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from eks_assets.cli.console import print_text
from eks_assets.cli.runs.event_log import Event, EventLog
from eks_assets.engine.approval_request import (
    decision_commands,
    describe_initiator,
    describe_state,
    request_approval,
)
from eks_assets.graph.registry import Registry
from eks_assets.plan.document import critical_minutes
from eks_assets.plan.markdown import summary_line
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.plan.wording import reach_lines, source_words
from resources.approval.rules import RequestState
from resources.config.environment import Environment
from resources.context import Context


@dataclass(frozen=True)
class GateStop:
    """`names`: units behind the gate that may run now. `waiting`: what is missing, for `--json`; empty when nothing."""

    names: tuple[str, ...]
    waiting: dict[str, Any]


def stop_at_gate(
    registry: Registry,
    env: Environment,
    before: EnvironmentPlan,
    console: Console,
    log: EventLog,
    *,
    stopped: bool = False,
) -> GateStop:
    """Plan what lies behind the gate. `before`: the environment's plan at the start, which knows who is unhealthy;
    `stopped`: whether a unit that this plan left before the gate has stopped at it.

    Raises PipelineError where a unit behind the gate cannot be planned."""
    if env.approval is None:
        return GateStop((), {})
    gated = before.gated(registry, env)
    unhealthy = [u.unit for u in before.units if u.state == "failed" and u.unit in gated]
    if not stopped and not unhealthy and not set(gated) & set(before.to_run(registry)):
        return GateStop((), {})
    pending = request_approval(registry, Context.of(env), env.approval)
    if pending.state is None:
        return GateStop(tuple(n for n in registry.descendants(unhealthy) if registry[n].is_enabled(env)), {})
    line = describe_state(pending.state, env.approval.approvers)
    if pending.is_granted:
        print_text(console, line, "green")
        log(Event("release_granted", line))
        return GateStop(tuple(dict.fromkeys([*pending.planned.to_run(registry), *unhealthy])), {})
    to_decide = decision_commands(env, pending.state.request)
    for refusal in pending.refusals:
        print_text(console, f"an earlier approval does not cover this: {refusal}", "yellow")
    changes = summary_line(pending.plan, critical_minutes(pending.plan.units, registry))
    print_text(console, f"behind the gate: {changes}", "yellow")
    for why in reach_lines(pending.reach):
        print_text(console, why, "yellow")
    print_text(console, line, "yellow")
    for name, commit in source_words(pending.plan).items():
        print_text(console, f"{name.lower()} {commit}", "yellow")
    if pending.state.unproved:
        print_text(console, f"asked by {describe_initiator(pending.state)}", "yellow")
    for command in (f"eks-assets plan {env.name}", *to_decide):
        print_text(console, f"  {command}", indent="    ")
    log(Event("waiting_for_approval", line, level="warning"))
    return GateStop((), _as_json(pending.state, pending.plan.units, to_decide))


def _as_json(state: RequestState, units: tuple[str, ...], to_decide: list[str]) -> dict[str, Any]:
    return {
        "digest": state.request.digest,
        "release": state.request.id,
        "units": list(units),
        "missing": state.missing,
        "commands": to_decide,
        **({"nobody_proved": state.unproved} if state.unproved else {}),
    }
