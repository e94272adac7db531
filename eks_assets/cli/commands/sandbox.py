"""`eks-assets sandbox`: start, stop, inspect and remove the local AWS and Kubernetes, and point tools at them."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from sandbox import lifecycle
from sandbox.errors import InvalidRequest, SandboxError, ToolMissing, UnknownName
from sandbox.mail import messages
from sandbox.snapshots.commands import delete_snapshot, list_snapshots, make_snapshot, restore_snapshot

FIRST_START = "about a quarter of an hour on two cores"

sandbox = typer.Typer(no_args_is_help=True, help="The local AWS and Kubernetes that tests and the demo run on.")

PodSeconds = Annotated[
    float | None, typer.Option("--pod-seconds", min=0, help="Seconds that a pod takes to become ready.")
]
Delays = Annotated[
    Path | None,
    typer.Option("--delays", exists=True, help='JSON file of seconds by type, {"AWS::EKS::Cluster": 60}.'),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
EnvironmentName = Annotated[
    str | None, typer.Argument(help="An environment, whose cluster and account to use.", show_default=False)
]

Person = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Whose keys: root, initiator, alice, bob, carol or outsider.")
]
SnapshotName = Annotated[str | None, typer.Argument(help="A name for the snapshot.", show_default=False)]
ShowList = Annotated[bool, typer.Option("--list", help="Show the snapshots.")]
Delete = Annotated[bool, typer.Option("--delete", help="Remove the snapshot of that name.")]
Last = Annotated[int | None, typer.Option("--last", min=1, metavar="N", help="Only the newest N.")]


@sandbox.command(
    help=f"Start the sandbox, or say that it runs. The first time it gets its tools, or compiles them: {FIRST_START}."
)
def up(pod_seconds: PodSeconds = None, delays: Delays = None) -> None:
    """Start the sandbox, or say that it runs."""
    began = time.monotonic()
    seconds = _read_delays(delays) if delays else None
    with _errors():
        state = lifecycle.start_sandbox(
            lifecycle.Options(pod_seconds, seconds), lambda message: print(message, file=sys.stderr)
        )
    print(f"The sandbox is up after {time.monotonic() - began:.1f} s: AWS at {state['aws_endpoint']}")
    print('To use it in this shell: eval "$(eks-assets sandbox env)"')


@sandbox.command()
def down() -> None:
    """Stop every process of the sandbox; what it holds stays for the next `up`."""
    with _errors():
        lifecycle.stop_sandbox()
    print("The sandbox is down.")


@sandbox.command()
def status(json_output: AsJson = False) -> None:
    """Show what runs, where, and how much memory it takes. Exit 0 up and healthy, 1 otherwise."""
    with _errors():
        state = lifecycle.sandbox_status()
    if json_output:
        print(json.dumps(state, indent=2))
    else:
        _show(state)
    healthy = state["ready"] and all(process["healthy"] for process in state["processes"])
    raise SystemExit(0 if healthy else 1)


@sandbox.command()
def reset() -> None:
    """Stop the sandbox and remove everything it holds. Its snapshots and the tools in the cache stay."""
    with _errors():
        lifecycle.reset_sandbox()
    print("The sandbox is removed.")


@sandbox.command()
def env(environment: EnvironmentName = None, person: Person = "root") -> None:
    """Print shell exports that point AWS, Kubernetes and Helm tools at the sandbox."""
    with _errors():
        variables = lifecycle.environment_variables(environment, person=person)
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    print("unset AWS_SESSION_TOKEN")  # of the person chosen before
    if "KUBECONFIG" not in variables:
        print("unset KUBECONFIG")  # else kubectl would go on talking to the cluster chosen before


@sandbox.command()
def mail(json_output: AsJson = False, last: Last = None) -> None:
    """Show the e-mails that SNS would have sent, oldest first."""
    mails = messages(last)
    if json_output:
        print(json.dumps(mails, indent=2))
        return
    for message in mails:
        print(f"Date: {message['time']}\nTo: {message['to']}\nTopic: {message['topic']}")
        print(f"Subject: {message['subject']}\n\n{message['message']}\n")
    if not mails:
        print("No e-mail was sent.")


@sandbox.command()
def snapshot(name: SnapshotName = None, show_list: ShowList = False, delete: Delete = False) -> None:
    """Keep the whole state under a name: clusters, AWS, git, charts. A sandbox that is up goes on."""
    if (name is None) is not show_list or (show_list and delete):
        print("error: give either a NAME or --list", file=sys.stderr)
        raise SystemExit(2)
    with _errors():
        if name is None:
            lines = [f"{one.name}  made {one.made}" for one in list_snapshots()]
            print("\n".join(lines) or "There is no snapshot.")
        elif delete:
            delete_snapshot(name)
            print(f"The snapshot {name} is removed.")
        else:
            make_snapshot(name)
            print(f"The snapshot {name} is made: `eks-assets sandbox restore {name}` goes back to it.")


@sandbox.command()
def restore(name: Annotated[str, typer.Argument(help="A snapshot.")]) -> None:
    """Replace the state by a snapshot's, and start the sandbox where it is down."""
    began = time.monotonic()
    with _errors():
        restore_snapshot(name, progress=lambda message: print(message, file=sys.stderr))
    print(f"The sandbox is as in the snapshot {name}, after {time.monotonic() - began:.1f} s.")


@contextmanager
def _errors() -> Iterator[None]:
    """Turns a sandbox's error into a line and an exit code: 2 for bad input, 1 for the rest."""
    try:
        yield
    except SandboxError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, InvalidRequest | ToolMissing | UnknownName) else 1) from None


def _read_delays(file: Path) -> dict[str, float]:
    try:
        return {str(kind): float(seconds) for kind, seconds in json.loads(file.read_text()).items()}
    except (ValueError, AttributeError, TypeError) as error:
        print(f"error: {file} is no JSON object of seconds by CloudFormation type: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _show(state: dict[str, Any]) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=140)
    if not state["up"]:
        console.print(f"The sandbox is down ({state['state_directory']}).", highlight=False)
        if state["left_behind"]:
            console.print(f"Left behind by a crash: {state['left_behind']}; `up` or `down` ends them.", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("process", "healthy", "pid", "MiB", "minutes", "restarts", "address"):
        table.add_column(heading, no_wrap=True, justify="right" if heading in {"pid", "MiB", "minutes"} else "left")
    for process in state["processes"]:
        table.add_row(
            process["name"],
            "yes" if process["healthy"] else "[red]no[/red]",
            str(process["pid"] or "-"),
            f"{process['memory_bytes'] / 2**20:.0f}",
            f"{process['uptime_seconds'] / 60:.1f}",
            str(process["restarts"]),
            process["address"],
        )
    console.print(table)
    for warning in state["warnings"]:
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False)
    clusters = ", ".join(f"{cluster['name']} {cluster['version']}" for cluster in state["clusters"]) or "no cluster"
    console.print(f"{state['phase']}; {clusters}; {state['memory_bytes'] / 2**20:.0f} MiB", highlight=False)
