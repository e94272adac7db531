"""`eks-assets report`: how an environment, or every one, is now, as one HTML page."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.graph.registry import Registry
from eks_assets.plan.unit_plan import UnitPlan
from eks_assets.report.fleet import read_fleet
from eks_assets.report.model import EnvironmentPage
from eks_assets.report.page import build_page, build_unreadable_page
from eks_assets.report.rendering import render_fleet, render_page
from eks_assets.report.sources import read_environment
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import list_environments, load_environment
from resources.model.errors import ConfigError, PipelineError

Name = Annotated[str | None, typer.Argument(help="Name of an environment: its file's, without .yaml.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file that is written.")]
All = Annotated[bool, typer.Option("--all", help="Every environment on one page, the worst first.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, help="With --all: seconds after which an environment counts as unreadable.")
]


def report(
    environment: Name = None, output: Output = Path("report.html"), every: All = False, timeout: Timeout = 8.0
) -> None:
    """Write how an environment, or every one, is now as one HTML page. Changes nothing.

    Exit 0 written, 1 where nothing could be read (the page says why), 2 bad input."""
    if (environment is None) != every:
        raise ConfigError("a report is of one environment or of all; allowed: its name, or --all")
    html, line, is_read = _report_all(timeout) if environment is None else _report_one(environment)
    try:
        output.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}") from None
    print_text(Console(soft_wrap=True), f"{line}: {output}")
    raise SystemExit(0 if is_read else 1)


def _report_one(name: str) -> tuple[str, str, bool]:
    """The page, a line on it, and whether the environment could be read."""
    registry = load_registry()
    env = load_environment(name, known_units=registry.by_name)
    began = time.monotonic()
    page = _read_page(registry, env).model_copy(update={"seconds": time.monotonic() - began})
    counts = ", ".join(f"{number} {state}" for state, number in page.counts.items())
    return render_page(page), f"{name}: {counts or 'could not be read'}", not page.unreadable


def _read_page(registry: Registry, env: Environment) -> EnvironmentPage:
    done: list[str] = []
    with Console(stderr=True).status(f"looking at {env.name}") as status:

        def progress(unit: UnitPlan) -> None:
            done.append(unit.unit)
            status.update(f"looking at {env.name}: {len(done)} of {len(registry.units)} units")

        try:
            sources = read_environment(registry, open_environment(env, planning=True), progress)
        except PipelineError as error:
            return build_unreadable_page(env, error, dt.datetime.now(dt.UTC))
    return build_page(registry, env, sources, dt.datetime.now(dt.UTC))


def _report_all(timeout: float) -> tuple[str, str, bool]:
    names = list_environments()
    with Console(stderr=True).status(f"looking at {len(names)} environments"):
        page = read_fleet(load_registry(), names, timeout)
    counts = ", ".join(f"{number} {level}" for level, number in page.counts.items())
    return render_fleet(page), f"{len(names)} environments, {counts}", any(row.is_readable for row in page.rows)
