"""The e-mails about upgrades: one function an event, as in `messages.py`. Pure."""

from __future__ import annotations

from resources.config.environment import Environment
from resources.notifications.messages import Notification, indent_lines, list_facts, split_lines
from resources.records.upgrades import Upgrade

# What a control plane that goes back leaves as it is (EKS user guide, "Roll back a cluster's Kubernetes version").
NOT_REVERTED = (
    "EKS takes the control plane back, and neither what etcd holds nor objects that were written in API versions which "
    "only the newer Kubernetes serves."
)


def upgrade_started(env: Environment, upgrade: Upgrade) -> Notification:
    """Somebody upgrades the cluster."""
    begun = upgrade.begun
    return Notification(
        "upgrade_started",
        f"[{env.name}] upgrade to Kubernetes {begun.target} started",
        (
            f"The cluster of {env.name} is being upgraded from Kubernetes {begun.before} to {begun.target}, "
            f"{' and '.join(upgrade.minors)} one after the other.",
            "",
            *list_facts(env, Who=begun.who),
            "",
            "To see where it stands, to pause it between two steps, and to give it up:",
            *indent_lines(
                (
                    f"eks-assets status {env.name}",
                    f"eks-assets upgrade {env.name} --pause",
                    f"eks-assets upgrade {env.name} --cancel",
                )
            ),
        ),
        f"upgrade_started/{begun.id}",
        f"eks-assets status {env.name}",
    )


def step_ended(env: Environment, upgrade: Upgrade, minor: str, step: str, seconds: float) -> Notification:
    """One step is done."""
    return Notification(
        "upgrade_step_ended",
        f"[{env.name}] upgrade to Kubernetes {minor}: {step} done",
        (
            f"The step {step} of the upgrade of {env.name} to Kubernetes {minor} is done, after {seconds:.0f} s; the "
            f"target is {upgrade.begun.target}.",
            "",
            *list_facts(env),
        ),
        f"upgrade_step_ended/{upgrade.begun.id}/{minor}/{step}",
        f"eks-assets status {env.name}",
    )


def upgrade_stopped(env: Environment, upgrade: Upgrade, minor: str, step: str, reason: str) -> Notification:
    """A step failed, or a check turned red. `reason`: secrets masked."""
    name, before = env.name, f"1.{int(minor.partition('.')[2]) - 1}" if minor else upgrade.begun.before
    return Notification(
        "upgrade_stopped",
        f"[{name}] upgrade to Kubernetes {minor} stopped: {step}",
        (
            f"The upgrade of {name} to Kubernetes {minor} stopped at the step {step}.",
            "",
            "Why:",
            *indent_lines(split_lines(reason)),
            "",
            "Fix the cause and go on, or go back within seven days of the control plane's upgrade:",
            *indent_lines(
                (
                    f"eks-assets upgrade {name} --to {upgrade.begun.target}",
                    f"eks-assets rollback {name} --to {before}",
                )
            ),
            NOT_REVERTED,
            "",
            *list_facts(env),
        ),
        f"upgrade_stopped/{upgrade.begun.id}/{minor}/{step}/{len(upgrade.events)}",
        f"eks-assets status {name}",
    )


def upgrade_ended(env: Environment, upgrade: Upgrade, outcome: str, minor: str, step: str) -> Notification:
    """It is done, paused, cancelled or rolled back: `outcome`."""
    name, where = env.name, f" at {minor}, before the step {step}" if outcome in ("paused", "cancelled") else ""
    more = {
        "paused": (f"eks-assets upgrade {name} --resume",),
        "cancelled": (f"eks-assets upgrade {name} --to {upgrade.begun.target}",),
    }.get(outcome, (f"eks-assets status {name}",))
    return Notification(
        "upgrade_ended",
        f"[{name}] upgrade to Kubernetes {upgrade.begun.target}: {outcome}",
        (
            f"The upgrade of {name} from Kubernetes {upgrade.begun.before} to {upgrade.begun.target}: {outcome}"
            f"{where}.",
            *((NOT_REVERTED,) if outcome == "rolled back" else ()),
            "",
            *list_facts(env),
            "",
            "To go on:" if outcome in ("paused", "cancelled") else "To see its state:",
            *indent_lines(more),
        ),
        f"upgrade_ended/{upgrade.begun.id}/{outcome}/{len(upgrade.events)}",
        f"eks-assets status {name}",
    )
