"""`eks-assets sandbox`: the local AWS and Kubernetes, up, down, looked at, forgotten, and pointed at."""

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

app = typer.Typer(no_args_is_help=True)

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
    str, typer.Option("--as", metavar="NAME", help="Whose keys: root, initiator, alice, bob or outsider.")
]
Last = Annotated[int | None, typer.Option("--last", min=1, metavar="N", help="Only the newest N.")]


@app.command()
def up(pod_seconds: PodSeconds = None, delays: Delays = None) -> None:
    """Start the sandbox, or say that it runs. The first time it builds its tools, for a quarter of an hour."""
    from sandbox.lifecycle import Options
    from sandbox.lifecycle import up as bring_up

    begun = time.monotonic()
    seconds = _read_delays(delays) if delays else None
    with _errors():
        state = bring_up(Options(pod_seconds, seconds), lambda message: print(message, file=sys.stderr))
    print(f"The sandbox is up after {time.monotonic() - begun:.1f} s: AWS at {state['aws_endpoint']}")
    print('To use it in this shell: eval "$(eks-assets sandbox env)"')


@app.command()
def down() -> None:
    """Stop every process of the sandbox; what it holds stays for the next `up`."""
    from sandbox.lifecycle import down as take_down

    with _errors():
        take_down()
    print("The sandbox is down.")


@app.command()
def status(json_output: AsJson = False) -> None:
    """Show what runs, where, and how much memory it takes. Exit 0 up and healthy, 1 otherwise."""
    from sandbox.lifecycle import status as look

    with _errors():
        found = look()
    if json_output:
        print(json.dumps(found, indent=2))
    else:
        _show(found)
    healthy = found["ready"] and all(process["healthy"] for process in found["processes"])
    raise SystemExit(0 if healthy else 1)


@app.command()
def reset() -> None:
    """Stop the sandbox and remove everything it holds. The tools in the cache stay."""
    from sandbox.lifecycle import reset as forget

    with _errors():
        forget()
    print("The sandbox is removed.")


@app.command()
def env(environment: EnvironmentName = None, person: Person = "root") -> None:
    """Print shell exports that point AWS, Kubernetes and Helm tools at the sandbox."""
    from sandbox.lifecycle import environment as variables_of

    with _errors():
        variables = variables_of(environment, person=person)
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    print("unset AWS_SESSION_TOKEN")  # of whoever one was before
    if "KUBECONFIG" not in variables:
        print("unset KUBECONFIG")  # else kubectl would go on talking to the cluster chosen before


@app.command()
def mail(json_output: AsJson = False, last: Last = None) -> None:
    """Show the e-mails that SNS would have sent, oldest first."""
    from sandbox.mail import messages

    found = messages(last)
    if json_output:
        print(json.dumps(found, indent=2))
        return
    for message in found:
        print(f"Date: {message['time']}\nTo: {message['to']}\nTopic: {message['topic']}")
        print(f"Subject: {message['subject']}\n\n{message['message']}\n")
    if not found:
        print("No e-mail was sent.")


@contextmanager
def _errors() -> Iterator[None]:
    """Turns a sandbox's error into a line and an exit code: 2 for bad input, 1 for the rest."""
    from sandbox.errors import InvalidRequest, SandboxError, ToolMissing, UnknownName

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


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console() if sys.stdout.isatty() else Console(width=140)
    if not found["up"]:
        console.print(f"The sandbox is down ({found['state_directory']}).", highlight=False)
        if found["left_behind"]:
            console.print(f"Left behind by a crash: {found['left_behind']}; `up` or `down` ends them.", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("process", "healthy", "pid", "MiB", "minutes", "restarts", "address"):
        table.add_column(heading, no_wrap=True, justify="right" if heading in {"pid", "MiB", "minutes"} else "left")
    for process in found["processes"]:
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
    for warning in found["warnings"]:
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False)
    clusters = ", ".join(f"{cluster['name']} {cluster['version']}" for cluster in found["clusters"]) or "no cluster"
    console.print(f"{found['phase']}; {clusters}; {found['memory_bytes'] / 2**20:.0f} MiB", highlight=False)
