"""`eks-assets bootstrap`: what must exist before the first deploy."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from eks_assets.cli.arguments import EnvironmentName
from resources.aws.session import Aws
from resources.bootstrap import stack
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import escape_lines
from resources.model.errors import ConfigError
from resources.records.bootstrap_entry import record_bootstrap
from resources.records.digest_key import create_digest_key
from resources.records.lease_table import note_versions
from resources.records.platform import check_incumbent


def bootstrap(
    environment: EnvironmentName,
    print_: Annotated[
        bool,
        typer.Option(
            "--print", help="Print the CloudFormation template, without facts of approvers' roles; change nothing."
        ),
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Create or update the stack, with your own credentials.")
    ] = False,
    renamed_from: Annotated[
        str | None, typer.Option("--renamed-from", help="The name that the environment's file had until now.")
    ] = None,
    no_older_version: Annotated[
        bool, typer.Option("--no-older-version", help="Note that no older version runs any more; see ADR 15.")
    ] = False,
) -> None:
    """Create what the first deploy needs (roles, ledger, leases), and anchor the approval gate that the file asks for,
    as an administrator of the account."""
    if print_ == apply:
        raise ConfigError(
            "bootstrap needs exactly one of --print and --apply",
            next_step=f"eks-assets bootstrap {environment} --print",
        )
    env = load_environment(environment)
    if print_:
        print(json.dumps(stack.build_bootstrap_template(env), indent=2, sort_keys=True))
        return
    context = Context(env, Aws(env, as_deployer=False), lambda line: typer.echo(escape_lines(line)))
    began, who = time.monotonic(), context.aws.check_account()
    check_incumbent(context, renamed_from)
    outputs = stack.apply_bootstrap(env.model_copy(update={"former_name": renamed_from}), context.progress)
    create_digest_key(context)
    note_versions(context, renamed_from, no_older_version=no_older_version)
    record_bootstrap(context, who, time.monotonic() - began)
    for name, value in outputs.model_dump().items():
        typer.echo(escape_lines(f"{name}: {value}"))
