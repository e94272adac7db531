"""What commands that upgrade share: running the job to its end, and the orders that act between its steps."""

from __future__ import annotations

from rich.console import Console

from eks_assets.cli.console import print_text
from eks_assets.cli.runs.captured_stderr import output_to
from eks_assets.orchestration.home import dagster_home
from eks_assets.orchestration.run_tags import owner_tag
from resources.aws.session import caller_arn
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.stack.version_update import cancel_version_update
from resources.model.errors import ConfigError
from resources.records.upgrades import Order, open_upgrade, record_event


def run_to_end(env: Environment, wait: float, console: Console | None = None) -> None:
    """Upgrade the environment's cluster to the version of its file, or continue to, and print what happens. Exits with
    4 where it is paused. Raises what `run_upgrade_job` raises."""
    console = console or Console(soft_wrap=True)

    def progress(line: str) -> None:
        print_text(console, line)

    # stderr is kept for Dagster while the run goes on.
    with output_to(dagster_home() / "command-line.log"):
        # Here, since Dagster takes a second to load.
        from eks_assets.cli.runs.upgrade_run import run_upgrade_job

        outcome = run_upgrade_job(env.name, owner_tag(env), progress, to=env.kubernetes_version, wait=wait)
    if outcome in ("paused", "cancelled"):
        command = "--resume" if outcome == "paused" else f"--to {env.kubernetes_version}"
        print_text(console, f"go on with: eks-assets upgrade {env.name} {command}")
        raise SystemExit(4)


def give_order(context: Context, order: Order) -> None:
    """Record the order, which the flow obeys before its next step; a cancelled one takes the update with it that EKS is
    carrying out, where EKS allows that. Raises ConfigError where no upgrade is open, AccessDenied, Transient."""
    upgrade, name = open_upgrade(context), context.env.name
    if upgrade is None:
        raise ConfigError(
            f"no upgrade of {name} is under way",
            next_step=f"eks-assets upgrade {name} --to VERSION begins one; eks-assets status {name} shows the cluster",
        )
    console = Console(soft_wrap=True)
    if order == "resumed" and not upgrade.is_paused:
        print_text(console, f"{name}: the upgrade is not paused; it goes on where it is")
        return
    record_event(context, upgrade, order, who=caller_arn(context.env))
    if order == "cancelled":
        print_text(console, f"{name}: {cancel_version_update(context)}")
    step = upgrade.last_step
    where = f"; its last step: {step.minor} {step.step}" if step else ""
    print_text(console, f"{name}: the upgrade to Kubernetes {upgrade.begun.target} is {order}{where}")
