"""Arguments that several verbs share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

EnvironmentName = Annotated[str, typer.Argument(help="Name of an environment: its file's, without .yaml.")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this unit; may be given several times.")]
WaveOption = Annotated[str | None, typer.Option("--wave", help="Only this wave; aliases of the waves work too.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


class LogFormat(StrEnum):
    """How a command reports progress."""

    PLAIN = "plain"
    JSON = "json"


LogFormatOption = Annotated[
    LogFormat, typer.Option("--log-format", help="Plain lines, or one JSON object a line for every event.")
]
Wait = Annotated[
    float | None,
    typer.Option("--wait", min=0, help="Seconds to wait where another run holds the environment; 0 leaves at once."),
]
Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="NAME", help="The environment's name; asked for on a terminal.")
]
FromLedger = Annotated[
    bool, typer.Option("--from-ledger", help="The environment's file is gone: its ledger says what it was.")
]
Region = Annotated[
    str | None, typer.Option("--region", help="With --from-ledger: the environment's; by default your own setting.")
]
