"""`eks-assets rollback`: what an earlier run applied becomes what is wanted, until the environment's files change."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json, LogFormat, LogFormatOption, Only, Wait
from eks_assets.cli.commands.plan import print_plan
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.cli.runs.deployment import Output, deploy_units
from eks_assets.cli.runs.event_log import Event, log_refusals
from eks_assets.cli.runs.launcher import Launcher
from eks_assets.cli.runs.result import DeployResult
from eks_assets.cli.selection import select_units
from eks_assets.engine.planner import plan_report
from eks_assets.engine.rollback import RollbackPlan, build_rollback, find_target, order_rollback, plan_rollback
from eks_assets.engine.rollback_run import begin_rollback, end_rollback
from eks_assets.units import load_registry
from resources.approval.record import check_gate
from resources.aws.session import caller_arn
from resources.config.loader import load_environment
from resources.model.display import dump_json, escape_line
from resources.model.errors import ConfigError
from resources.notifications.upgrade_messages import NOT_REVERTED
from resources.records.rollbacks import describe_target, end_holds, expect_rollback

To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="RUN",
        help="Back to the end of this run, by default the last with green validation; or to a Kubernetes version.",
    ),
]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what would change, and change nothing.")]
EndHold = Annotated[bool, typer.Option("--end-hold", help="Want what the files say again, for all units.")]


def rollback(
    environment: EnvironmentName,
    to: To = None,
    only: Only = None,
    plan_only: PlanOnly = False,
    end_hold: EndHold = False,
    json_output: Json = False,
    log_format: LogFormatOption = LogFormat.PLAIN,
    wait: Wait = None,
) -> None:
    """Bring units back to what an earlier run applied, and hold them there until their files change.

    Exit 0, 3 where something waits for approval, 4 with --plan where something differs."""
    if end_hold and (to or only or plan_only):
        raise ConfigError("--end-hold stands alone: it ends what is held back in all units")
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    output = Output.of(env, registry, f"eks-assets rollback {env.name}", log_format, as_json=json_output)
    chosen = select_units(registry, only, None)
    with log_refusals(output.log):
        launcher = Launcher(env, registry, output.console, output.log, wait)
        context = open_environment(env)
        if end_hold:
            _end_holds(launcher, output.console)
            return
        check_gate(context)
        steps = plan_rollback(registry, context, find_target(context, to), chosen)
        _print_steps(steps, output, env.name)
        if not steps.holds:
            output.end(DeployResult(len(registry.units)), context)
        record = build_rollback(context, steps, caller_arn(env))
        expect_rollback(context, record)
        back = [hold.unit for hold in steps.holds]
        if plan_only:
            report = plan_report(registry, context, back)
            if json_output:
                print(dump_json(report.model_dump(mode="json")))
            else:
                print_plan(report, Console())
            raise SystemExit(1 if report.unknown else 4 if report.changes else 0)
        begin, order = partial(begin_rollback, record=record, units=back), partial(order_rollback, registry, back)
        result = deploy_units(launcher, context, registry.descendants(back), begin, order)
        end_rollback(context, record, result.outcome, result.failed)
    output.end(result, context)


def _print_steps(steps: RollbackPlan, output: Output, name: str) -> None:
    """What goes back, and what stays and why: before anything starts."""
    target = steps.target
    lines = [f"{name}: rollback to {describe_target(target.run)} ({target.at:%Y-%m-%d %H:%M:%S} UTC)"]
    lines += [f"  goes back: {', '.join(hold.unit for hold in steps.holds)}"] if steps.holds else []
    lines += [f"  {s.unit} can go back until {s.until:%Y-%m-%d %H:%M} UTC" for s in steps.steps if s.until]
    if any(step.until for step in steps.steps):
        lines.append(f"  {NOT_REVERTED}")
    lines += [f"  stays: {step.unit}: {escape_line(step.reason)}" for step in steps.stays]
    if not steps.steps:
        lines.append("  nothing has changed since; --to RUN goes back further (eks-assets history shows runs)")
    for line in lines:
        print_text(output.console, line)
    output.log(Event("rollback_planned", "\n".join(lines)))


def _end_holds(launcher: Launcher, console: Console) -> None:
    name = launcher.env.name
    with launcher.holding() as held:
        ended = end_holds(held, caller_arn(launcher.env))
    units = ", ".join(hold.unit for hold in ended)
    text = f"no longer held back: {units}; the next deploy applies the files" if ended else "nothing is held back"
    print_text(console, f"{name}: {text}")
