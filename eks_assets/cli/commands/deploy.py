"""`eks-assets deploy`: plan in this process, launch only what has something to do, as Dagster runs."""

from __future__ import annotations

import datetime as dt

from eks_assets.cli.arguments import EnvironmentName, Json, LogFormat, LogFormatOption, Only, Wait, WaveOption
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.cli.runs.deployment import Output, deploy_units
from eks_assets.cli.runs.event_log import Event, log_refusals
from eks_assets.cli.runs.launcher import Launcher
from eks_assets.cli.selection import select_units
from eks_assets.cli.upgrading import run_to_end
from eks_assets.engine.rollback import RollbackPlan
from eks_assets.engine.undo import undo_deploy
from eks_assets.engine.upgrade.start import needs_upgrade
from eks_assets.units import load_registry
from resources.approval.record import check_gate
from resources.aws.session import caller_arn
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import escape_line
from resources.model.errors import PipelineError
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER


def deploy(
    environment: EnvironmentName,
    only: Only = None,
    wave: WaveOption = None,
    json_output: Json = False,
    log_format: LogFormatOption = LogFormat.PLAIN,
    wait: Wait = None,
) -> None:
    """Bring an environment to what its file says. A second deploy continues where the first stopped.

    Exit 3 where something waits for approval."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    command, way_back = f"eks-assets deploy {env.name}", f"eks-assets rollback {env.name}"
    output = Output.of(env, registry, command, log_format, as_json=json_output, way_back=way_back)
    chosen = select_units(registry, only, wave)
    with log_refusals(output.log):
        launcher = Launcher(env, registry, output.console, output.log, wait)
        context = open_environment(env)
        check_gate(context)
        if chosen is None and needs_upgrade(registry, context):
            # Its steps first, as the job `upgrade`; then what the version does not change.
            run_to_end(env, OUTLIVES_A_DEAD_HOLDER if wait is None else wait, output.console)
            context = open_environment(env)
        began = dt.datetime.now(dt.UTC)  # the ledger's times are this clock's
        result = deploy_units(launcher, context, chosen)
        if result.failed and env.on_failure == "rollback":
            _take_back(launcher, began)
    output.end(result, context)


def _take_back(launcher: Launcher, began: dt.datetime) -> None:
    """What the deploy has changed since then, as `undo_deploy` does. What goes wrong is said; the deploy has failed all
    the same."""
    env, registry, console = launcher.env, launcher.registry, launcher.console
    context = Context.of(env, lambda line: print_text(console, line, "dim"), launcher.launch)
    context.launch = launcher.launch

    def report(plan: RollbackPlan) -> None:
        for step in plan.stays:
            print_text(console, f"stays as it is {step.unit}: {escape_line(step.reason)}", "yellow")
        if plan.holds:
            print_text(console, f"{env.name}: the deploy failed, and goes back (on_failure: rollback)")

    try:
        for end in undo_deploy(registry, context, began, caller_arn(env), report=report):
            state = "went back" if end.is_good else f"did not go back: {end.reason}"
            print_text(console, f"{end.unit.name} {escape_line(state)}", "" if end.is_good else "red")
            launcher.log(Event("rolled_back", state, unit=end.unit.name, level="info" if end.is_good else "error"))
    except PipelineError as error:
        print_text(console, f"the deploy was not taken back: {escape_line(str(error))}", "red")
