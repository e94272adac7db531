"""The typer application: imports a command when it is used, and turns errors into a line and an exit code."""

from __future__ import annotations

import importlib.metadata
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from eks_assets.token_command import install_token_command
from resources.model.display import escape_lines
from resources.model.errors import PipelineError

# What `--help` lists. Each command is the function, or the typer application, of its name in
# `eks_assets/cli/commands/NAME.py`, with `_` for `-`; its help is the first paragraph of its docstring.
COMMANDS = {
    "validate": "Check environments and the files they refer to; print every problem as file:line: path: reason.",
    "schema": "Print a JSON Schema: of an environment file, of a ClusterConfig, or of what a command prints.",
    "bootstrap": "Create what the first deploy needs (roles, ledger, leases), and anchor the approval gate that the "
    "file asks for, as an administrator of the account; or take it away.",
    "plan": "Show what a deploy would change, unit by unit and field by field. Changes nothing.",
    "deploy": "Bring an environment to what its file says. A second deploy continues where the first stopped.",
    "rollback": "Bring units back to what an earlier run applied, and hold them there until their files change.",
    "upgrade": "Bring the cluster to another Kubernetes version, one minor version after the other, each step watched.",
    "rehearse": "Run the pending plan on a copy of the environment in a sandbox of its own, and say what came of it.",
    "drill": "Take an environment away, deploy it from nothing, and say how long each wave took. Data is kept.",
    "approve": "Approve exactly the plan with that digest. Exit 0 once it is approved, 3 while approvals are missing.",
    "reject": "Reject the plan with that digest; that ends its request, and every grant before it.",
    "approvals": "Show the plans that were submitted for approval and how each stands. Exit 3 while one is waiting.",
    "destroy": "Take an environment away, in the reverse order of its graph; data is kept unless you say otherwise.",
    "status": "Show every unit and its health checks as they are now.",
    "drift": "Show what differs from what was applied last, field by field, and who changed it. Changes nothing.",
    "history": "Show who planned, decided, changed and repaired what, what failed and what drifted, the newest last.",
    "report": "Write how an environment, or every one, is now as one HTML page. Changes nothing.",
    "graph": "Print the waves and their units as a picture: SVG, or the text of one for Mermaid or Graphviz.",
    "doctor": "Show whether this machine, and an environment's account, are ready, and what puts right what is not.",
    "images": "The container images that an environment's charts ask for.",
    "audit": "Whether the ledger, the record of every change, is whole.",
    "account-for": "Show every call that changed something since a time, and whose it was.",
    "ui": "Open the Dagster UI with its daemon (sensors, schedules, queue); Ctrl-C ends both.",
    "token": "Print a token of an environment's cluster, as kubectl's exec plugin does (eks-assets token ENV [--aws]).",
    "sandbox": "The local AWS and Kubernetes that tests and the demo run on.",
}


class LazyGroup(TyperGroup):
    """Lists its commands from `COMMANDS`, and imports only the one that is run: a command's imports may then stand at
    the top of its file and still cost nothing to the others."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, in full, and the arguments that are left."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name is None else load_command(name), rest


def load_command(name: str) -> Any:
    """The click command of that name, with its options; a group of commands for `sandbox`."""
    module = name.replace("-", "_")
    loaded = getattr(import_module(f"eks_assets.cli.commands.{module}"), module)
    if not isinstance(loaded, typer.Typer):
        function, loaded = loaded, typer.Typer(add_completion=False)
        loaded.command(name)(function)
    command = typer.main.get_command(loaded)
    command.name = name
    return command


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"eks-assets {importlib.metadata.version('eks-assets')}")
        raise typer.Exit


app = typer.Typer(
    name="eks-assets",
    cls=LazyGroup,
    help="Brings an AWS account from nothing to a running, verified EKS platform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before the command."""


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(lambda: None)


def run() -> None:
    """Run one command. Exit codes: 0 done or nothing to do, 1 failed, 2 bad input, 3 waiting for approval,
    4 differences, 130 interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    install_token_command()
    try:
        app()
    except PipelineError as error:
        print_error(error)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def print_error(error: PipelineError) -> None:
    """What went wrong, on stderr, its lines after the first indented."""
    print(escape_lines(f"error: {error}"), file=sys.stderr)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """A signal to end reads as Ctrl-C: whatever runs is cleaned up. typer, which catches the exception before we see
    it, prints nothing."""
    print("interrupted", file=sys.stderr)
    raise KeyboardInterrupt
