"""`eks-assets drill`: an environment taken away and deployed from nothing, measured. Data is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.cli.runs.captured_stderr import output_to
from eks_assets.cli.runs.deployment import deploy_units
from eks_assets.cli.runs.event_log import Event
from eks_assets.cli.runs.launcher import Launcher
from eks_assets.engine.teardown.gate import refuse_protected
from eks_assets.graph.registry import Registry
from eks_assets.orchestration.home import dagster_home
from eks_assets.orchestration.run_tags import owner_tag
from eks_assets.plan.teardown import TeardownPlan
from eks_assets.plan.teardown_wording import describe_kept
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.config.waves import WAVES
from resources.model.display import dump_json
from resources.model.errors import ConfigError
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER

Confirm = Annotated[str | None, typer.Option("--confirm", metavar="NAME", help="The environment's name.")]
_DONE = "unit_succeeded"


@dataclass
class Watch:
    """Hears a deploy's events: when the last unit of each wave was done, in seconds since it began."""

    registry: Registry
    began: float = field(default_factory=time.time)
    waves: dict[str, float] = field(default_factory=dict)
    units: int = 0

    def __call__(self, event: Event) -> None:
        if event.kind == _DONE and event.unit is not None:
            self.units += 1
            wave = self.registry[event.unit].wave
            self.waves[wave] = max(self.waves.get(wave, 0.0), round((event.time or time.time()) - self.began, 1))


def drill(environment: EnvironmentName, confirm: Confirm = None, json_output: Json = False) -> None:
    """Take an environment away, deploy it from nothing, and say how long each wave took. Data is kept.

    Only for environments in a sandbox. Exit 1 where either failed or validation is red."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    _refuse(env, confirm)
    console = Console(stderr=json_output, soft_wrap=True)
    began = time.monotonic()
    plan, is_complete = _destroy(env, console)
    gone = round(time.monotonic() - began, 1)
    if not is_complete:
        print_text(console, f"The drill ends here; continue with: eks-assets destroy {env.name} --confirm {env.name}")
        raise SystemExit(1)
    watch, began = Watch(registry), time.monotonic()
    launcher = Launcher(env, registry, console, watch)
    result = deploy_units(launcher, open_environment(env), None)
    report: dict[str, Any] = {
        "environment": env.name,
        "destroy_seconds": gone,
        "deploy_seconds": round(time.monotonic() - began, 1),
        "waves": {wave: watch.waves[wave] for wave in WAVES if wave in watch.waves},
        "units": watch.units,
        "is_green": result.exit_code == 0,
        "by_hand": [],
        "missing_data": [describe_kept(kept) for kept in plan.outliving],
    }
    if json_output:
        print(dump_json(report))
    else:
        _print_report(report, console)
    raise SystemExit(result.exit_code)


def _refuse(env: Environment, confirm: str | None) -> None:
    """Raises ConfigError for an environment that people use, and without its name; Refused where it is protected."""
    if not env.sandbox:
        raise ConfigError(
            f"a drill takes {env.name} away, which is not in a sandbox; nothing was done",
            next_step="drill a copy of it: the same file with `sandbox: true`, or with an account of its own",
        )
    refuse_protected(env)
    if confirm != env.name:
        raise ConfigError(
            f"a drill takes {env.name} away first, and that is not confirmed; nothing was done",
            next_step=f"eks-assets drill {env.name} --confirm {env.name}",
        )


def _destroy(env: Environment, console: Console) -> tuple[TeardownPlan, bool]:
    with output_to(dagster_home() / "command-line.log"):
        from eks_assets.cli.runs.destroy_run import run_destroy

        def progress(line: str) -> None:
            print_text(console, line, "dim")

        result = run_destroy(env.name, owner_tag(env), progress, delete_data=False, wait=OUTLIVES_A_DEAD_HOLDER)
    for outcome in result.of("failed"):
        print_text(console, f"failed {outcome.unit}: {outcome.reason}", "red")
    return result.plan, result.is_complete


def _print_report(report: dict[str, Any], console: Console) -> None:
    print_text(console, f"{report['environment']}: destroyed in {report['destroy_seconds']} s")
    for wave, seconds in report["waves"].items():
        print_text(console, f"  {wave:<15} complete after {seconds:>6.1f} s")
    for kept in report["missing_data"]:
        print_text(console, f"  data that a loss would take: {kept}", "dim")
    state = "green" if report["is_green"] else "not green"
    what = f"deployed from nothing in {report['deploy_seconds']} s, {report['units']} units, validation {state}"
    print_text(console, f"{report['environment']}: {what}; nothing was done by hand")
