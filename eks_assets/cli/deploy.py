"""`eks-assets deploy`: plan in this process, launch only what has something to do, as one Dagster run."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json, Only, WaveOption

if TYPE_CHECKING:
    from eks_assets.planning import EnvironmentPlan
    from eks_assets.registry import Registry
    from resources.environment import Environment


def deploy(environment: EnvironmentName, only: Only = None, wave: WaveOption = None, json_output: Json = False) -> None:
    """Bring an environment to what its file says. A second deploy continues where the first stopped."""
    from eks_assets.cli.selection import selected
    from eks_assets.gate import is_gated
    from eks_assets.planning import plan_environment
    from eks_assets.units import registry as all_units
    from resources.environment_files import load_environment
    from resources.world import World

    began = time.monotonic()
    # A descriptor of its own: stderr itself is kept for Dagster while a run goes on.
    console = Console(file=os.fdopen(os.dup(2 if json_output else 1), "w"), soft_wrap=True)
    registry = all_units()
    env = load_environment(environment, known_units=registry.by_name)
    chosen = selected(registry, only, wave)
    plan = plan_environment(registry, World.of(env), only=chosen)
    refuse_errors(plan)
    waiting = [u.unit for u in plan.units if u.state == "waiting"]
    if waiting:
        console.print(f"waiting for approval, left as they are: {', '.join(waiting)}", highlight=False, markup=False)
    names = [n for n in plan.to_run(registry) if (chosen is None or n in chosen) and not is_gated(env, registry[n])]
    if not names:
        outcome = "waiting for approval" if waiting else "nothing to do"
        report(json_output, console, env.name, outcome, began, len(plan.units), {})
        raise SystemExit(3 if waiting else 0)
    console.print(f"{env.name}: {len(names)} of {len(plan.units)} units have something to do")
    result = launch(env, registry, names, console)
    failed = {name: reason for name, (state, reason) in result.items() if state in ("failed", "interrupted")}
    interrupted = any(state == "interrupted" for state, _ in result.values())
    left = {name: reason for name, (state, reason) in result.items() if state == "skipped"}
    for name, reason in left.items():
        console.print(f"not run {name}: {reason}", style="dim", highlight=False, markup=False)
    outcome = "interrupted" if interrupted else "failed" if failed or left else "deployed"
    report(json_output, console, env.name, outcome, began, len(names), failed)
    raise SystemExit(130 if interrupted else 1 if failed or left else 3 if waiting else 0)


def refuse_errors(plan: EnvironmentPlan) -> None:
    """Raises the first error of a plan, with the others in its message: nothing is started on wrong input."""
    from resources.errors import Transient

    errors = [u for u in plan.errors if not isinstance(u.error, Transient)]
    if errors and errors[0].error is not None:
        first = errors[0].error
        first.args = ("\n".join(f"{u.unit}: {u.error.message}" for u in errors if u.error is not None),)
        first.message = first.args[0]
        raise first


def launch(env: Environment, registry: Registry, names: list[str], console: Console) -> dict[str, tuple[str, str]]:
    """Run the units as a Dagster run that the UI shows too, following it live; returns state and reason by unit."""
    from eks_assets import forkserver
    from eks_assets.cli.quiet import output_to
    from eks_assets.dagster_home import dagster_home

    # The follower says what happens; Dagster's own console log would only repeat it. The UI has all of it.
    with output_to(dagster_home() / "command-line.log"):
        forkserver.start()
        return _follow_run(env, registry, names, console)


def _follow_run(env: Environment, registry: Registry, names: list[str], console: Console) -> dict[str, tuple[str, str]]:
    import dagster as dg

    from eks_assets.cli.abandoned import close_abandoned, owner_tags
    from eks_assets.cli.follow import Follower
    from eks_assets.dagster_home import open_instance
    from eks_assets.definitions import deploy_job

    with open_instance() as instance:
        close_abandoned(instance)
        instance.add_dynamic_partitions("environments", [env.name])
        # Dagster ends its steps first and raises then; what was left stands in the follower's rows.
        with (
            suppress(dg.DagsterExecutionInterruptedError, KeyboardInterrupt),
            Follower(instance, env.name, registry, names, console) as follower,
            dg.execute_job(
                dg.reconstructable(deploy_job),
                instance=instance,
                tags={"dagster/partition": env.name, **follower.tags, **owner_tags()},
                asset_selection=[dg.AssetKey(name) for name in names],
                raise_on_error=False,
            ) as _,
        ):
            pass
        return follower.result()


def report(
    as_json: bool, console: Console, env: str, outcome: str, began: float, units: int, failed: dict[str, str]
) -> None:
    """The last words: failed units first, each with its reason, then the command that continues."""
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        document: dict[str, Any] = {"environment": env, "outcome": outcome, "units": units, "seconds": seconds}
        print(json.dumps(document | {"failed": failed}))
        return
    for name, reason in failed.items():
        console.print(f"[red]failed[/] {name}: {reason}", highlight=False)
    if failed:
        console.print(f"Mend the cause and continue with: eks-assets deploy {env}", highlight=False)
    console.print(f"{env}: {outcome}, {units} units in {seconds} s", highlight=False)
