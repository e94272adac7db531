"""`eks-assets validate`: everything that can be known about environments without AWS."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from eks_assets.units import load_registry
from resources.config.loader import check_all, find_folder, list_environments
from resources.config.problems import display_path
from resources.model.display import escape_lines
from resources.model.errors import ConfigError

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Environments by name or file; all of them where none is named.", show_default=False),
]


def validate(names: Names = None) -> None:
    """Check environments and the files they refer to; print every problem as file:line: path: reason.

    What AWS may have added since our lists were read is a warning, on stderr. Exit 0 where all are valid, warnings or
    not, 2 where any is not."""
    wanted = names or list_environments(find_folder())
    if not wanted:
        raise ConfigError(
            f"there is no environment in {display_path(find_folder())}", next_step="Add a file NAME.yaml to it."
        )
    problems = check_all(wanted, known_units=load_registry().by_name, today=date.today())
    for problem in problems:
        typer.echo(escape_lines(str(problem)), err=problem.warning)
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        files = len({problem.file for problem in errors})
        typer.echo(f"{_count(len(errors), 'problem')} in {_count(files, 'file')}")
        raise typer.Exit(ConfigError.exit_code)
    typer.echo(f"{_count(len(wanted), 'environment')} {'is' if len(wanted) == 1 else 'are'} valid")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
