"""`eks-assets bootstrap`: what must exist before the first deploy."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Annotated

import typer

from eks_assets.cli.arguments import Confirm, EnvironmentName, FromLedger, Region
from eks_assets.cli.confirmation import check_name
from eks_assets.engine.approval_request import from_ledger_option
from eks_assets.engine.bootstrap_removal import plan_removal_of_bootstrap, remove_all_of_bootstrap
from eks_assets.engine.kept_environment import load_kept_environment
from eks_assets.plan.teardown_wording import describe_kept
from eks_assets.plan.wording import with_plural
from resources.aws.session import Aws
from resources.bootstrap import stack
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.display import escape_lines
from resources.model.errors import ConfigError
from resources.model.removal import Removal
from resources.records.bootstrap_entry import record_bootstrap
from resources.records.digest_key import create_digest_key
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER
from resources.records.lease_table import note_versions
from resources.records.platform import check_incumbent


@dataclass(frozen=True)
class _Removal:
    """What is asked for. `from_ledger`: the region, where the ledger says what the environment is."""

    env: Environment
    delete_ledger: bool
    from_ledger: str

    @property
    def command(self) -> str:
        """What removes it, once it is confirmed."""
        ledger = " --delete-ledger" if self.delete_ledger else ""
        return f"eks-assets bootstrap {self.env.name} --remove{ledger}{from_ledger_option(self.from_ledger)}"


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
    remove: Annotated[
        bool, typer.Option("--remove", help="Take away what bootstrap made, once the environment is destroyed.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="With --remove: show what would go. Changes nothing.")] = False,
    confirm: Confirm = None,
    delete_ledger: Annotated[
        bool, typer.Option("--delete-ledger", help="With --remove: the ledger, its key and the lease table as well.")
    ] = False,
    from_ledger: FromLedger = False,
    region: Region = None,
    no_older_version: Annotated[
        bool, typer.Option("--no-older-version", help="Note that no older version runs any more; see ADR 15.")
    ] = False,
) -> None:
    """Create what the first deploy needs (roles, ledger, leases), and anchor the approval gate that the file asks for,
    as an administrator of the account; or take it away.

    With --remove: exit 2 while anything of the environment stands; with --plan 4 where something would go, 0 where
    nothing."""
    if print_ + apply + remove != 1:
        raise ConfigError(
            "bootstrap needs exactly one of --print, --apply and --remove",
            next_step=f"eks-assets bootstrap {environment} --print",
        )
    if not remove and (plan or confirm or delete_ledger or from_ledger):
        raise ConfigError("--plan, --confirm, --delete-ledger and --from-ledger go with --remove")
    if remove:
        env = load_kept_environment(environment, region) if from_ledger else load_environment(environment)
        _remove(_Removal(env, delete_ledger, env.region if from_ledger else ""), confirm, plan_only=plan)
        return
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


def _remove(removal: _Removal, confirm: str | None, *, plan_only: bool) -> None:
    """Show what would go, or take it away once the environment's name is typed."""
    env, delete_ledger = removal.env, removal.delete_ledger
    context = Context(env, Aws(env, as_deployer=False), lambda line: typer.echo(escape_lines(line)))
    who = context.aws.check_account()
    check_incumbent(context)
    if plan_only:
        planned = plan_removal_of_bootstrap(context, delete_ledger=delete_ledger)
        _show(planned)
        count = len(planned.removes)
        words = f"{with_plural(count, 'object')} would be removed" if count else "nothing to do"
        typer.echo(f"{env.name}: {words}, {len(planned.keeps)} kept")
        raise SystemExit(4 if planned.removes else 0)
    what, command = f"what bootstrap made for {env.name}", f"{removal.command} --confirm {env.name}"
    check_name(env, confirm, what, f"{removal.command} --plan", command)
    removed = remove_all_of_bootstrap(context, who, delete_ledger=delete_ledger, wait=OUTLIVES_A_DEAD_HOLDER)
    for kept in removed.keeps:
        typer.echo(escape_lines(f"kept {describe_kept(kept)}"))
    done = f"{with_plural(len(removed.removes), 'object')} removed" if removed.removes else "nothing to do"
    typer.echo(f"{env.name}: {done}")


def _show(planned: Removal) -> None:
    for removed in planned.removes:
        typer.echo(escape_lines(f"- {removed.object}{f': {removed.why}' if removed.why else ''}"))
    for kept in planned.keeps:
        typer.echo(escape_lines(f"kept {describe_kept(kept)}"))
