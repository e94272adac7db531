"""Begins an upgrade, or continues the one that is open: nothing is changed before the verdict."""

from __future__ import annotations

from collections.abc import Callable

from eks_assets.engine.upgrade.chain import is_higher, wanted_version
from eks_assets.engine.upgrade.verdict import reach_verdict
from eks_assets.engine.upgrade.watch import list_red_checks
from eks_assets.graph.registry import Registry
from resources.context import Context
from resources.drivers.stack.cluster_state import cluster_version
from resources.model.errors import ConfigError, NotFound, Refused
from resources.notifications.topic import send_notification
from resources.notifications.upgrade_messages import upgrade_started
from resources.records.upgrades import Upgrade, begin_upgrade, open_upgrade, record_event
from resources.upgrade.findings import UpgradeReport

Judge = Callable[[Context, str], UpgradeReport]


def start_upgrade(registry: Registry, context: Context, who: str, judge: Judge | None = None) -> Upgrade | None:
    """The upgrade to the version of the environment's file; None where the cluster has it, and no upgrade is open. The
    environment is held. `judge`: reaches the verdict.

    Raises Refused where the verdict is against it, where a rollback holds the cluster back, and where it is paused;
    ConfigError where one to another version is open; what `reach_verdict` raises."""
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
    report = (judge or _judge(registry))(context, target)
    if report.exit_code:
        raise Refused(
            f"the cluster of {context.env.name} was not upgraded to Kubernetes {target}: {report.verdict}",
            next_step=f"eks-assets upgrade {context.env.name} --to {target} --plan says what stands in the way",
        )
    upgrade = begin_upgrade(context, who, live, target, list_red_checks(registry, context))
    send_notification(context, upgrade_started(context.env, upgrade))
    return upgrade


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
