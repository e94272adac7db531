"""The typer application: mounts the verbs and turns errors into a line and an exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from eks_assets.cli.commands import approvals, bootstrap, deploy, plan, sandbox, schema, status, ui, validate
from resources.model.errors import PipelineError

app = typer.Typer(
    name="eks-assets",
    help="Brings an AWS account from nothing to a running, verified EKS platform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("validate")(validate.validate)
app.command("schema")(schema.schema)
app.command("bootstrap")(bootstrap.bootstrap)
app.command("plan")(plan.plan)
app.command("deploy")(deploy.deploy)
app.command("approve")(approvals.approve)
app.command("reject")(approvals.reject)
app.command("approvals")(approvals.approvals)
app.command("status")(status.status)
app.command("ui")(ui.ui)
app.add_typer(sandbox.app, name="sandbox", help="The local AWS and Kubernetes that tests and the demo run on.")


@app.command("token")
def token() -> None:
    """Print a token of an environment's cluster, as kubectl's exec plugin does (eks-assets token ENV [--aws])."""


def run() -> None:
    """Run one command. Exit codes: 0 done or nothing to do, 1 failed, 2 bad input, 3 waiting for approval,
    4 differences, 130 interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    try:
        app()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Ended from outside reads as interrupted from the keyboard: what is under way is put away. typer, which takes the
    exception before we see it, says nothing."""
    print("interrupted", file=sys.stderr)
    raise KeyboardInterrupt
