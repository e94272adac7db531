"""`eks-assets doctor`: whether this machine and an environment's account are ready."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from eks_assets.cli.arguments import Json
from eks_assets.cli.console import print_text
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.doctor.examination import DoctorReport, run_checks
from resources.model.display import dump_json, escape_lines

_STYLE = {"ok": "green", "warning": "yellow", "error": "red"}
Name = Annotated[
    str | None,
    typer.Argument(help="Name of an environment; this machine alone where none is named.", show_default=False),
]


def doctor(environment: Name = None, json_output: Json = False) -> None:
    """Show whether this machine, and an environment's account, are ready, and what puts right what is not.

    It changes nothing, and takes at most 20 s. Exit 0 without an error, 1 with one."""
    env = load_environment(environment, known_units=load_registry().by_name) if environment else None
    with Console(stderr=True).status(f"looking at {env.name if env else 'this machine'}"):
        report = run_checks(env)
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_doctor(report, Console(soft_wrap=True) if sys.stdout.isatty() else Console(width=500, soft_wrap=True))
    raise SystemExit(report.exit_code)


def print_doctor(report: DoctorReport, console: Console) -> None:
    """A line for each diagnosis, below it what puts it right, and a last line that counts them."""
    for diagnosis in report.diagnoses:
        style, text = _STYLE[diagnosis.level], escape_lines(diagnosis.message)
        console.print(Text.assemble((f"{diagnosis.level:<8}", style), f"{diagnosis.check}: {text}"))
        if diagnosis.fix:
            print_text(console, f"        fix: {diagnosis.fix}", indent="             ")
    counts = {level: sum(d.level == level for d in report.diagnoses) for level in _STYLE}
    counted = ", ".join(f"{number} {level}" for level, number in counts.items())
    print_text(console, f"{report.environment or 'this machine'}: {counted} ({report.seconds} s)")
