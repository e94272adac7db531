"""`eks-assets upgrade`: whether an environment's cluster can go to another Kubernetes version."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.commands.plan import PIPE_WIDTH
from eks_assets.cli.opened import open_environment
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
from resources.support.files import replace_text
from resources.upgrade.findings import UpgradeReport

To = Annotated[str, typer.Option("--to", metavar="VERSION", help="The Kubernetes version, such as 1.35.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show the verdict, and change nothing.")]
Write = Annotated[bool, typer.Option("--write", help="Set kubernetes_version in the environment's file, once ready.")]
_FIELD = "kubernetes_version"


def upgrade(
    environment: EnvironmentName,
    to: To,
    plan_only: PlanOnly = False,
    write: Write = False,
    json_output: Json = False,
) -> None:
    """Say whether the cluster can go to another Kubernetes version, with evidence and the way out of each obstacle.

    The environment's file has to ask for the version too, or --write sets it: file and cluster never disagree.
    Exit 0 with --plan for READY and READY_WITH_WARNINGS, 1 for NOT_READY and CANNOT_DETERMINE, 2 for bad input."""
    check_form(to)
    if plan_only and write:
        raise ConfigError("--plan changes nothing, and --write changes a file", next_step="choose one of them")
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    if not (plan_only or write):
        require_version(env, to)
    with Console(stderr=True).status(f"looking at {env.name}") as status:
        done: list[str] = []

        def progress(check: str) -> None:
            done.append(check)
            status.update(f"looking at {env.name}: {len(done)} checks done, last {check}")

        context = open_environment(env, planning=True)
        report = reach_verdict(context, env, to, registry=registry, progress=progress)
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_verdict(report, Console())
    if plan_only or report.exit_code:
        raise SystemExit(report.exit_code)
    if write:
        write_version(env, to, registry)
    raise ConfigError(
        f"nothing was upgraded: the file of {env.name} asks for Kubernetes {to}, and a deploy carries it out",
        next_step=f"eks-assets plan {env.name}, then eks-assets deploy {env.name}; one minor version at a time",
    )


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
