"""`eks-assets destroy`: what would go, and taking it away once the environment's name is typed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import Confirm, EnvironmentName, FromLedger, Json, Region, Wait
from eks_assets.cli.confirmation import check_name
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.cli.runs.captured_stderr import output_to
from eks_assets.engine.approval_request import destroy_command, from_ledger_option, remove_command
from eks_assets.engine.kept_environment import load_kept_environment
from eks_assets.engine.teardown.gate import refuse_protected
from eks_assets.engine.teardown.planning import plan_teardown
from eks_assets.engine.teardown.remains import list_remains
from eks_assets.engine.teardown.removal import TeardownResult
from eks_assets.engine.teardown.removed import plan_removed
from eks_assets.orchestration.home import dagster_home
from eks_assets.orchestration.run_tags import owner_tag
from eks_assets.plan.teardown import Scope, TeardownPlan, build_teardown_report
from eks_assets.plan.teardown_wording import describe_kept, report_lines
from eks_assets.plan.wording import with_plural
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import dump_json
from resources.model.errors import ConfigError
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER

PlanOnly = Annotated[bool, typer.Option("--plan", help="Show what would go and what would stay. Changes nothing.")]
DeleteData = Annotated[
    bool, typer.Option("--delete-data", help="Remove data as well: volumes, file systems, secrets, keys.")
]
Removed = Annotated[
    bool, typer.Option("--removed", help="Only what was applied and the environment's files no longer have.")
]


@dataclass(frozen=True)
class _Removal:
    """What is asked for. `from_ledger`: the region, where the ledger says what the environment is."""

    env: Environment
    delete_data: bool
    scope: Scope
    from_ledger: str = ""

    @property
    def command(self) -> str:
        """What carries it out, or continues it."""
        command_for = remove_command if self.scope == "removed" else destroy_command
        return command_for(self.env, delete_data=self.delete_data) + from_ledger_option(self.from_ledger)

    @property
    def what(self) -> str:
        return f"what {self.env.name} no longer has" if self.scope == "removed" else self.env.name

    def plan(self, context: Context) -> TeardownPlan:
        planned = plan_removed if self.scope == "removed" else plan_teardown
        return planned(load_registry(), context, delete_data=self.delete_data)


def destroy(
    environment: EnvironmentName,
    plan: PlanOnly = False,
    json_output: Json = False,
    confirm: Confirm = None,
    delete_data: DeleteData = False,
    removed: Removed = False,
    from_ledger: FromLedger = False,
    region: Region = None,
    wait: Wait = None,
) -> None:
    """Take an environment away, in the reverse order of its graph; data is kept unless you say otherwise.

    What controllers made in the cluster goes first, while they run. A second destroy continues where the first stopped.
    With --removed: only what its files no longer have, such as a unit that was switched off. With --from-ledger: an
    environment whose file is gone.
    With --plan: exit 4 where something would go, 0 where nothing. Exit 3 while it waits for approval."""
    if json_output and not plan:
        raise ConfigError("--json is the form of a plan", next_step=f"eks-assets destroy {environment} --plan --json")
    if from_ledger and removed:
        raise ConfigError("--removed is what a file no longer has, and with --from-ledger there is no file")
    if from_ledger:
        env = load_kept_environment(environment, region)
    else:
        env = load_environment(environment, known_units=load_registry().by_name)
    scope: Scope = "removed" if removed else "environment"
    removal = _Removal(env, delete_data, scope, env.region if from_ledger else "")
    if plan:
        _show_plan(removal, json_output=json_output)
    refuse_protected(env, removal.scope)
    part = " --removed" if removed else ""
    shown = f"eks-assets destroy {env.name}{part}{from_ledger_option(removal.from_ledger)} --plan"
    check_name(env, confirm, f"{removal.what}{' with its data' if delete_data else ''}", shown, removal.command)
    console = Console(soft_wrap=True)
    context = open_environment(env, destroying=True)
    began = time.monotonic()
    result = _run(removal, console, OUTLIVES_A_DEAD_HOLDER if wait is None else wait)
    _show_result(removal, result, context, console, time.monotonic() - began)
    raise SystemExit(0 if result.is_complete else 1)


def _show_plan(removal: _Removal, *, json_output: bool) -> None:
    """Print what would go, and exit."""
    with Console(stderr=True).status(f"looking at what there is of {removal.env.name}"):
        # The planner may not read what controllers made, nor all that is data.
        context = open_environment(removal.env, destroying=True)
        report = build_teardown_report(removal.plan(context))
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        console = Console(soft_wrap=True)
        for line in report_lines(report):
            print_text(console, line)
    raise SystemExit(report.exit_code)


def _run(removal: _Removal, console: Console, wait: float) -> TeardownResult:
    # stderr is kept for Dagster while the run goes on.
    with output_to(dagster_home() / "command-line.log"):
        # Here, since Dagster takes a second to load and a plan needs none.
        from eks_assets.cli.runs.destroy_run import run_destroy

        def progress(line: str) -> None:
            print_text(console, line)

        env, is_part = removal.env, removal.scope == "removed"
        how = {"delete_data": removal.delete_data, "removed": is_part}
        return run_destroy(env.name, owner_tag(env), progress, wait=wait, from_ledger=removal.from_ledger, **how)


def _show_result(removal: _Removal, result: TeardownResult, context: Context, console: Console, seconds: float) -> None:
    """The last lines: what failed, what is left, and the command that continues."""
    env, plan, is_part = removal.env, result.plan, removal.scope == "removed"
    for outcome in result.of("failed"):
        print_text(console, f"failed {outcome.unit}: {outcome.reason}", "red")
        if outcome.next_step:
            print_text(console, f"  Next: {outcome.next_step}", indent="    ")
    for outcome in result.of("skipped"):
        print_text(console, f"not removed {outcome.unit}: {outcome.reason}", "dim")
    kept = [f"kept {describe_kept(each)}" for each in plan.removal.keeps]
    # All else of the environment is there, and is to be.
    left = kept if is_part else list_remains(context, plan.outliving if result.is_complete else plan.removal.keeps)
    for line in left:
        print_text(console, line, "dim")
    if not result.is_complete:
        print_text(console, f"Fix the cause and continue with: {removal.command}")
    removed, done = result.of("removed"), "done" if is_part else "destroyed"
    words = "failed" if not result.is_complete else done if removed else "nothing to do"
    print_text(console, f"{env.name}: {words}, {with_plural(len(removed), 'unit')} removed in {seconds:.1f} s")
