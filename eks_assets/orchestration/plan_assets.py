"""What would change, as Dagster shows it: the asset `plan` of a whole environment, and for what lies behind the
approval gate `release_plan` with its check `approved`. None of them lets anything through: the gate itself stands
inside every unit (`engine/gate.py`)."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from eks_assets.engine.approval_request import (
    PendingApproval,
    decision_commands,
    describe_initiator,
    describe_newest_request,
    request_approval,
)
from eks_assets.engine.planner import plan_report
from eks_assets.graph.registry import Registry
from eks_assets.orchestration.assets import RELEASE_PLAN, group_name
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.environments import ENVIRONMENTS, Platform, open_step
from eks_assets.orchestration.run_tags import SENDER_TAG
from eks_assets.plan.markdown import render_by_wave, summary_line
from eks_assets.plan.model import Plan
from eks_assets.plan.wording import reach_lines, source_words
from resources.config.environment import Environment
from resources.model.display import escape_line, escape_lines, escape_text

APPROVED, PLAN = "approved", "plan"


def build_plan(registry: Registry, location: CodeLocation) -> dg.AssetsDefinition:
    """The plan of every layer; nothing depends on it, and it changes nothing."""

    @dg.asset(
        name=PLAN,
        group_name=group_name("approval"),
        partitions_def=ENVIRONMENTS,
        description="What a deploy would change, unit by unit and field by field. Changes nothing.",
        kinds={"plan"},
        owners=location.owners,
    )
    def plan(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult[Any]]:
        with open_step(context, platform, PLAN) as unit_context:
            report = plan_report(registry, unit_context)
        waves = {wave: dg.MetadataValue.md(text) for wave, text in render_by_wave(report).items()}
        unknown = "; ".join(f"{entry.unit}: {escape_line(entry.reason)}" for entry in report.unknown)
        yield dg.MaterializeResult(
            metadata={
                "result": summary_line(report, report.minutes),
                **({"not planned": unknown} if unknown else {}),
                **waves,
                **_source(report),
                "digest": report.digest,
            }
        )

    return plan


def build_release_plan(registry: Registry, location: CodeLocation) -> dg.AssetsDefinition:
    """The plan of what lies behind the gate, written to the ledger under its digest, and submitted for approval."""
    names = [unit.name for unit in registry.units if not unit.is_behind("approval")]
    needed = {need for name in names for need in registry.needs[name]}

    @dg.asset(
        name=RELEASE_PLAN,
        group_name=group_name("approval"),
        deps=[name for name in names if name not in needed],
        partitions_def=ENVIRONMENTS,
        description="What would change behind the approval gate, as people approve it. Changes nothing.",
        kinds={"plan"},
        owners=location.owners,
    )
    def release_plan(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult[Any]]:
        with open_step(context, platform, RELEASE_PLAN) as unit_context:
            approval = unit_context.env.approval
            # Whoever pressed, sent a message or pushed a commit: Dagster runs as itself and knows no users.
            sender = context.run.tags.get(SENDER_TAG, "")
            pending = (
                request_approval(registry, unit_context, approval, through="Dagster", sender=sender)
                if approval is not None
                else None
            )
        yield dg.MaterializeResult(metadata=_metadata(pending, unit_context.env))

    return release_plan


def build_approved_check(registry: Registry) -> dg.AssetChecksDefinition:
    """Yellow, with the command to run, while an approval is missing."""

    @dg.asset_check(
        asset=RELEASE_PLAN,
        name=APPROVED,
        partitions_def=ENVIRONMENTS,
        description="Whether people have approved the newest plan. A look at AWS, not a switch.",
    )
    def approved(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
        with open_step(context, platform, APPROVED) as unit_context:
            passed, line = describe_newest_request(unit_context)
        return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, description=escape_lines(line))

    return approved


def list_checks(registry: Registry, names: Iterable[str]) -> list[dg.AssetCheckKey]:
    """The checks of a deploy of those assets: the units' own, and whether the plan is approved. Left to itself, Dagster
    adds every check of a selected asset, and with it a detection of drift to each deploy."""
    chosen = list(names)
    own = [
        dg.AssetCheckKey(dg.AssetKey(unit.name), check.name)
        for unit in registry.units
        if unit.name in chosen
        for check in unit.checks
    ]
    approved = [dg.AssetCheckKey(dg.AssetKey(RELEASE_PLAN), APPROVED)] if RELEASE_PLAN in chosen else []
    return [*own, *approved]


def _source(plan: Plan) -> dict[str, str]:
    return {name.lower(): commit for name, commit in source_words(plan).items()}


def _metadata(pending: PendingApproval | None, env: Environment) -> dict[str, Any]:
    if pending is None:
        return {"result": f"{env.name} has no approval gate"}
    if pending.state is None:
        return {"result": "nothing to do behind the gate"}
    request = pending.state.request
    count = len(pending.plan.changes)
    entries: dict[str, Any] = {
        "result": f"{count} units would change: {'approved' if pending.is_granted else 'waiting for approval'}",
        "digest": request.digest,
        "asked by": escape_line(describe_initiator(pending.state)),
        **_source(pending.plan),
        "commands": dg.MetadataValue.md(
            "\n".join(f"    {escape_text(line)}" for line in decision_commands(env, request))
        ),
    }
    for wave, text in render_by_wave(pending.plan).items():
        entries[wave] = dg.MetadataValue.md(text)
    if pending.reach:
        entries["before the gate"] = escape_line("; ".join(reach_lines(pending.reach)))
    if pending.refusals:
        entries["earlier approval"] = "does not cover this: " + escape_line("; ".join(pending.refusals[:5]))
    return entries
