"""Begins an upgrade, or continues the one that is open: nothing is changed before the verdict."""

from __future__ import annotations

from collections.abc import Callable

from eks_assets.engine.upgrade.chain import is_higher, wanted_version
from eks_assets.engine.upgrade.verdict import reach_verdict
from eks_assets.engine.upgrade.watch import list_red_checks
from eks_assets.graph.registry import Registry
from eks_assets.plan.upgrade_wording import finding_words, verdict_words
from resources.context import Context
from resources.drivers.stack.cluster_state import cluster_version
from resources.model.errors import ConfigError, NotFound, OperationFailed, Refused
from resources.notifications.topic import send_notification
from resources.notifications.upgrade_messages import upgrade_started
from resources.records.upgrades import Upgrade, begin_upgrade, open_upgrade, record_event
from resources.upgrade.findings import UpgradeReport

Judge = Callable[[Context, str], UpgradeReport]


def start_upgrade(registry: Registry, context: Context, who: str, judge: Judge | None = None) -> Upgrade | None:
    """The upgrade to the version of the environment's file; None where the cluster has it, and no upgrade is open. The
    environment is held. `judge`: reaches the verdict.

    Raises OperationFailed where the verdict is against it; Refused where a rollback holds the cluster back, and where
    it is paused; ConfigError where one to another version is open; what `reach_verdict` raises."""
    target, live = context.env.kubernetes_version, cluster_version(context)
    if live is None:
        raise NotFound(
            f"{context.env.name} has no cluster to upgrade",
            next_step=f"eks-assets deploy {context.env.name} makes one with Kubernetes {target}",
        )
    upgrade = open_upgrade(context)
    if upgrade is not None:
        _check_open(context, upgrade, target)
        if upgrade.stop is not None:
            record_event(context, upgrade, "resumed", who=who)
        return upgrade
    if not is_higher(target, live):
        return None
    if not is_higher(wanted := wanted_version(registry, context), live):
        raise Refused(
            f"a rollback holds the cluster of {context.env.name} at Kubernetes {wanted}",
            next_step=f"eks-assets rollback {context.env.name} --end-hold wants what the files say again; then upgrade",
        )
    _refuse_unready((judge or _judge(registry))(context, target), context)
    upgrade = begin_upgrade(context, who, live, target, list_red_checks(registry, context))
    send_notification(context, upgrade_started(context.env, upgrade))
    return upgrade


def needs_upgrade(registry: Registry, context: Context) -> bool:
    """Whether a deploy has to upgrade the cluster first: its version is to be higher, or an upgrade is open. Raises
    AccessDenied, Transient."""
    live = cluster_version(context)
    if live is None:
        return False
    if is_higher(context.env.kubernetes_version, live):
        return is_higher(wanted_version(registry, context), live)
    return open_upgrade(context) is not None


def _refuse_unready(report: UpgradeReport, context: Context) -> None:
    """Tell the verdict. Raises OperationFailed where it is against the upgrade."""
    context.progress(verdict_words(report))
    for finding in report.findings:
        if finding.severity != "note":
            context.progress(f"  {finding_words(finding, report)}")
    if report.exit_code:
        first = next((finding_words(f, report) for f in report.findings), "nothing could be looked at")
        raise OperationFailed(
            f"the cluster of {report.environment} was not upgraded to Kubernetes {report.target}: {report.verdict}; "
            f"{first}",
            next_step=f"eks-assets upgrade {report.environment} --to {report.target} --plan says all that stands in "
            "the way, and the way out of it",
        )


def _judge(registry: Registry) -> Judge:
    return lambda context, target: reach_verdict(context, context.env, target, registry=registry)


def _check_open(context: Context, upgrade: Upgrade, target: str) -> None:
    name = context.env.name
    if upgrade.begun.target != target:
        raise ConfigError(
            f"an upgrade of {name} to Kubernetes {upgrade.begun.target} has begun, and its file asks for {target}",
            next_step=f"set kubernetes_version back and finish it, or give it up: eks-assets upgrade {name} --cancel",
        )
    if upgrade.is_paused:
        order = upgrade.order
        raise Refused(
            f"the upgrade of {name} to Kubernetes {target} is paused"
            + (f" by {order.who} since {order.at:%Y-%m-%d %H:%M} UTC" if order else ""),
            next_step=f"eks-assets upgrade {name} --resume",
        )
