"""Arguments that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

EnvironmentName = Annotated[
    str, typer.Argument(help="Name of an environment, or the path of its file.", show_default=False)
]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this unit; may be given several times.")]
WaveOption = Annotated[str | None, typer.Option("--wave", help="Only this wave; the specification's names work too.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
