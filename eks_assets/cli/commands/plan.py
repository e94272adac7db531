"""`eks-assets plan`: what a deploy would change, nothing changed."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json, Only, WaveOption
from eks_assets.cli.opened import open_environment
from eks_assets.cli.selection import select_units
from eks_assets.engine.planner import plan_report
from eks_assets.engine.teardown.removed import list_unwanted
from eks_assets.engine.upgrade.verdict import with_verdict
from eks_assets.graph.registry import Registry
from eks_assets.plan.markdown import render_markdown
from eks_assets.plan.model import PlanReport
from eks_assets.plan.terminal import render_lines
from eks_assets.plan.unit_plan import UnitPlan
from eks_assets.units import load_registry
from resources.approval.least_gate import refuse_lesser_gate, require_anchor
from resources.bootstrap.boundary_check import check_boundaries
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import dump_json, escape_lines
from resources.model.errors import ConfigError, PipelineError

PIPE_WIDTH = 120  # columns where there is no terminal to ask
Markdown = Annotated[bool, typer.Option("--markdown", help="For a comment on a pull request.")]
Full = Annotated[bool, typer.Option("--full", help="Every field, with its whole value.")]
DetailedExitcode = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 4 when something differs.")]


def plan(
    environment: EnvironmentName,
    only: Only = None,
    wave: WaveOption = None,
    json_output: Json = False,
    markdown: Markdown = False,
    full: Full = False,
    detailed_exitcode: DetailedExitcode = False,
) -> None:
    """Show what a deploy would change, unit by unit and field by field. Changes nothing.

    Exit 0, 1 where a unit cannot be planned, 4 with --detailed-exitcode where something differs."""
    if json_output and markdown:
        raise ConfigError("--json and --markdown are two forms of one output", next_step="choose one of them")
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    report = _planned(registry, env, select_units(registry, only, wave))
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    elif markdown:
        print(render_markdown(report))
    else:
        print_plan(report, Console(), full=full)
    if report.unknown:
        raise SystemExit(1)
    raise SystemExit(4 if report.changes and detailed_exitcode else 0)


def print_plan(report: PlanReport, console: Console, *, full: bool = False) -> None:
    """The plan for people."""
    width = console.width if console.is_terminal else max(console.width, PIPE_WIDTH)
    for line in render_lines(report, width, full=full):
        console.print(line, highlight=False, soft_wrap=True)


def _planned(registry: Registry, env: Environment, only: set[str] | None) -> PlanReport:
    """The plan; a terminal shows how far it is."""
    done: list[str] = []
    with Console(stderr=True).status(f"planning {env.name}") as status:

        def progress(unit: UnitPlan) -> None:
            done.append(unit.unit)
            status.update(f"planning {env.name}: {len(done)} of {len(registry.units)} units")

        context = open_environment(env, planning=True)
        refuse_lesser_gate(context)
        require_anchor(context)
        unwanted = partial(list_unwanted, registry, context)
        report = _with_verdict(plan_report(registry, context, only, progress, unwanted), registry, context)
    if report.changes:
        _warn_of_boundaries(context)
    return report


def _with_verdict(report: PlanReport, registry: Registry, context: Context) -> PlanReport:
    """A version that cannot be had at all is a unit's error already."""
    try:
        return with_verdict(report, registry, context)
    except PipelineError as error:
        text = f"No verdict on the upgrade: {escape_lines(str(error))}"
        Console(stderr=True, soft_wrap=True).print(text, markup=False)
        return report


def _warn_of_boundaries(context: Context) -> None:
    """What would stop the deploy before its first stack."""
    try:
        check_boundaries(context)
    except PipelineError as error:
        Console(stderr=True, soft_wrap=True).print(f"A deploy would stop: {escape_lines(str(error))}", markup=False)
