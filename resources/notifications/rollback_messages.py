"""The e-mails about rollbacks: one function an event, as in `messages.py`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resources.config.environment import Environment
from resources.notifications.messages import Notification, count_words, indent_lines, list_facts, split_lines
from resources.records.rollbacks import BEFORE, describe_target


def rollback_started(env: Environment, record_id: str, run: str, who: str, units: Sequence[str]) -> Notification:
    """Somebody rolls units back to the end of that run."""
    return Notification(
        "rollback_started",
        f"[{env.name}] rollback started: {count_words(len(units), 'unit')} back to {describe_target(run)}",
        (
            f"{env.name} is being rolled back to {_whole(run)}. Deploys leave these units as they were then "
            "until their files change.",
            "",
            *list_facts(env, Who=who),
            "",
            "Units:",
            *indent_lines(units),
            "",
            "To see its state, and to want what the files say again:",
            *indent_lines((f"eks-assets status {env.name}", f"eks-assets rollback {env.name} --end-hold")),
        ),
        f"rollback_started/{record_id}",
        f"eks-assets history {env.name}",
    )


def rollback_ended(
    env: Environment, record_id: str, run: str, outcome: str, failed: Mapping[str, str], back: Sequence[str] = ()
) -> Notification:
    """It ended: `outcome` in a word or two. `failed`: reasons by unit, secrets masked; `back`: what went back, where it
    stopped after that."""
    reasons = [line for unit, reason in failed.items() for line in split_lines(f"{unit}: {reason}")]
    return Notification(
        "rollback_ended",
        f"[{env.name}] rollback to {describe_target(run)}: {outcome}",
        (
            f"The rollback of {env.name} to {_whole(run)} ended: {outcome}.",
            "",
            *list_facts(env),
            "",
            *(("Failed, and as it was:", *indent_lines(reasons), "") if reasons else ()),
            *(("Went back:", *indent_lines(back), "") if reasons and back else ()),
            "To see its state, and to continue where it stopped:",
            *indent_lines((f"eks-assets status {env.name}", f"eks-assets rollback {env.name}")),
        ),
        f"rollback_ended/{record_id}/{outcome}",
        f"eks-assets status {env.name}",
    )


def _whole(run: str) -> str:
    return f"how it was {run}" if run.startswith(BEFORE) else f"the end of run {run}"
