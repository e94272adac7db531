"""Takes a deploy that failed back, in environments that say `on_failure: rollback`."""

from __future__ import annotations

import datetime as dt

from eks_assets.cli.console import print_text
from eks_assets.cli.runs.event_log import Event
from eks_assets.cli.runs.launcher import Launcher
from eks_assets.engine.rollback import keep_reversible, plan_rollback, target_before
from eks_assets.engine.rollback_run import run_rollback
from resources.aws.session import caller_arn
from resources.context import Context
from resources.model.display import escape_line
from resources.model.errors import PipelineError


def undo_deploy(launcher: Launcher, began: dt.datetime) -> None:
    """Bring the reversible units that were changed since then back as they were, the last one first, and hold them.
    What goes wrong is said; the deploy has failed all the same."""
    env, registry, console = launcher.env, launcher.registry, launcher.console
    context = Context.of(env, lambda line: print_text(console, line, "dim"), launcher.launch)
    context.launch = launcher.launch
    try:
        plan = keep_reversible(registry, plan_rollback(registry, context, target_before(began)))
        for step in plan.stays:
            print_text(console, f"stays as it is {step.unit}: {escape_line(step.reason)}", "yellow")
        if not plan.holds:
            return
        print_text(console, f"{env.name}: the deploy failed, and goes back (on_failure: rollback)")
        for end in run_rollback(registry, context, plan, caller_arn(env), undo=True):
            state = "went back" if end.is_good else f"did not go back: {end.reason}"
            print_text(console, f"{end.unit.name} {escape_line(state)}", "" if end.is_good else "red")
            launcher.log(Event("rolled_back", state, unit=end.unit.name, level="info" if end.is_good else "error"))
    except PipelineError as error:
        print_text(console, f"the deploy was not taken back: {escape_line(str(error))}", "red")
