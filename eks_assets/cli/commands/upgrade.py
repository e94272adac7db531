"""`eks-assets upgrade`: whether a cluster can go to another Kubernetes version, and the upgrade itself."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json, Wait
from eks_assets.cli.commands.plan import PIPE_WIDTH
from eks_assets.cli.opened import open_environment
from eks_assets.cli.upgrading import give_order, run_to_end
from eks_assets.engine.upgrade.verdict import check_form, reach_verdict
from eks_assets.graph.registry import Registry
from eks_assets.plan.terminal import render_upgrade
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import environment_file, load_environment
from resources.config.problems import display_path
from resources.config.yaml_edit import with_scalar
from resources.model.display import dump_json
from resources.model.errors import ConfigError
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER
from resources.support.files import replace_text
from resources.upgrade.findings import UpgradeReport

To = Annotated[str | None, typer.Option("--to", metavar="VERSION", help="The Kubernetes version, such as 1.35.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show the verdict, and change nothing.")]
Write = Annotated[bool, typer.Option("--write", help="Set kubernetes_version in the environment's file, once ready.")]
Pause = Annotated[bool, typer.Option("--pause", help="Let the upgrade end before its next step.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where it was paused.")]
Cancel = Annotated[bool, typer.Option("--cancel", help="Give it up, with the update of EKS that is under way.")]
_FIELD = "kubernetes_version"


def upgrade(
    environment: EnvironmentName,
    to: To = None,
    plan_only: PlanOnly = False,
    write: Write = False,
    pause: Pause = False,
    resume: Resume = False,
    cancel: Cancel = False,
    json_output: Json = False,
    wait: Wait = None,
) -> None:
    """Bring the cluster to another Kubernetes version, one minor version after the other, each step watched.

    It begins with the verdict, which --plan shows alone, with evidence and the way out of each obstacle. The
    environment's file has to ask for the version too, or --write sets it: file and cluster never disagree. A second
    call continues where the first stopped.
    Exit 0 done, or with --plan READY and READY_WITH_WARNINGS; 1 where a step failed, and for NOT_READY and
    CANNOT_DETERMINE; 2 for bad input, 3 while it waits for approval, 4 while it is paused."""
    chosen = [name for name, is_set in (("--pause", pause), ("--resume", resume), ("--cancel", cancel)) if is_set]
    if len(chosen) + plan_only + write > 1 or bool(chosen) == (to is not None):
        raise ConfigError(
            "allowed: --to VERSION, with --plan (changes nothing) or --write (changes a file) or neither; or one of "
            "--pause, --resume and --cancel alone",
            next_step="choose one of them",
        )
    if json_output and not plan_only:
        raise ConfigError("--json is the form of a verdict: it takes --plan")
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    if to is not None:
        env = _with_version(env, to, registry, plan_only=plan_only, write=write, json_output=json_output)
    elif pause or cancel:
        give_order(open_environment(env), "paused" if pause else "cancelled")
        return
    else:
        give_order(open_environment(env), "resumed")
    run_to_end(env, OUTLIVES_A_DEAD_HOLDER if wait is None else wait)


def _with_version(
    env: Environment, to: str, registry: Registry, *, plan_only: bool, write: bool, json_output: bool
) -> Environment:
    """The environment whose file asks for the version; with `plan_only` the end of the command. Raises as
    `require_version` and `write_version` do."""
    check_form(to)
    if not (plan_only or write):
        require_version(env, to)
        return env
    report = _reach(env, to, registry)
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_verdict(report, Console())
    if plan_only or report.exit_code:
        raise SystemExit(report.exit_code)
    write_version(env, to, registry)
    return load_environment(env.name, known_units=registry.by_name)


def _reach(env: Environment, to: str, registry: Registry) -> UpgradeReport:
    with Console(stderr=True).status(f"looking at {env.name}") as status:
        done: list[str] = []

        def progress(check: str) -> None:
            done.append(check)
            status.update(f"looking at {env.name}: {len(done)} checks done, last {check}")

        context = open_environment(env, planning=True)
        return reach_verdict(context, env, to, registry=registry, progress=progress)


def print_verdict(report: UpgradeReport, console: Console) -> None:
    """The verdict for people."""
    width = console.width if console.is_terminal else max(console.width, PIPE_WIDTH)
    for line in render_upgrade(report, width):
        console.print(line, highlight=False, soft_wrap=True)


def require_version(env: Environment, target: str) -> None:
    """Raises ConfigError, with the edit, unless the environment's file asks for the version."""
    if env.kubernetes_version != target:
        file = display_path(environment_file(env.name))
        raise ConfigError(
            f"{file} asks for Kubernetes {env.kubernetes_version}, not {target}",
            next_step=f"{file}: {_FIELD}: {env.kubernetes_version} -> {target}; --write makes this edit, --plan looks "
            "without it",
        )


def write_version(env: Environment, target: str, registry: Registry) -> None:
    """Set the version in the environment's file and leave the rest of it as it is. Raises ConfigError where the file
    cannot be written, or says something then that is refused: it is as it was."""
    if env.kubernetes_version == target:
        return
    file = environment_file(env.name).resolve()
    try:
        before = file.read_text(encoding="utf-8")
        replace_text(file, with_scalar(before, (_FIELD,), target))
        try:
            load_environment(env.name, known_units=registry.by_name)
        except ConfigError:
            replace_text(file, before)
            raise
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from None
