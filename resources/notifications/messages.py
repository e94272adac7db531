"""The e-mails that people get: one function an event, from plain data to a `Notification`. Pure.

Texts name units, objects, paths and counts, never a field's value. What somebody must do comes first; the long part,
which a size limit may cut, comes last. `resources.notifications.topic` sends them. Those of drift are in
`drift_messages.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.config.environment import Approval, Environment
from resources.model.display import escape_text

Kind = Literal[
    "approval_needed",
    "approved",
    "rejected",
    "expired",
    "run_failed",
    "succeeded",
    "destroy_started",
    "destroy_stopped",
    "drift_found",
    "drift_resolved",
    "drift_failed",
    "drift_repaired",
    "repair_failed",
    "rollback_started",
    "rollback_ended",
    "upgrade_started",
    "upgrade_step_ended",
    "upgrade_stopped",
    "upgrade_ended",
]

# SNS: a subject has less than 100 characters; 256 KiB hold the message and its attributes.
SUBJECT_CHARACTERS = 99
MESSAGE_BYTES = 255 * 1024
LINE_CHARACTERS = 2000


@dataclass(frozen=True)
class Notification:
    """One event for people to read. `event_id` names it within its environment: it is sent once. `lines`: the text,
    what matters most first. `more`: where to read what a message that was cut for its size leaves out.

    Where an event can happen again under the same name, `dataclasses.replace` gives it another `event_id`."""

    kind: Kind
    subject: str
    lines: tuple[str, ...]
    event_id: str
    more: str

    def sendable_subject(self) -> str:
        """The subject as SNS takes it: one line of printable ASCII, shortened where it is too long."""
        plain = unicodedata.normalize("NFKD", self.subject)
        letters = "".join(c for c in plain if not unicodedata.combining(c)).encode("ascii", "replace").decode()
        return _shortened(_printable(" ".join(letters.split())), SUBJECT_CHARACTERS)

    def sendable_message(self) -> str:
        """The text as SNS takes it: at most MESSAGE_BYTES of UTF-8, the last line saying how many are left out."""
        lines = [_shortened(_printable(line), LINE_CHARACTERS) for line in self.lines]
        used = len(_left_out(len(lines), self.more).encode())
        for kept, line in enumerate(lines):
            used += len(line.encode()) + 1
            if used > MESSAGE_BYTES:
                return "\n".join([*lines[:kept], _left_out(len(lines) - kept, self.more)])
        return "\n".join(lines)


def approval_needed(
    env: Environment,
    digest: str,
    request_id: str,
    summary: Sequence[str],
    commands: Sequence[str],
    link: str | None = None,
    source: Mapping[str, str] | None = None,
    initiator: str = "",
    is_proved: bool = True,
    removes: str = "",
) -> Notification:
    """A deploy waits at the gate. `summary`: what would change, a line each; `commands`: how to approve and reject;
    `source`: the commits that the plan was made with, by what they are of; `initiator`: who asked, as people read it;
    `is_proved`: whether that proves a person, otherwise it takes one approver more; `removes`: what waits is no
    deploy, but the removal of that: `it`, the environment, or a part of it."""
    gate = env.approval or Approval()
    approvers = gate.approvers + (not is_proved)
    needed = "1 approval" if approvers == 1 else f"{approvers} approvals by different people"
    others = "; whoever started the deploy does not count" if gate.exclude_initiator else ""
    known = {
        "Needed": f"{needed}{others}; valid for {gate.expires}",
        "Asked by": initiator or None,
        "Plan": digest,
        **(source or {}),
        "Release": request_id,
        "Open": link,
    }
    what = f"approval needed to destroy {removes}" if removes else "approval needed"
    waits = (
        f"The removal of {env.name if removes == 'it' else f'what {env.name} no longer has'} waits for approval. All "
        "of it stays as it is until exactly this plan is approved."
        if removes
        else f"A deploy of {env.name} waits for approval. The wave {gate.before}, what comes after it, and what the "
        "plan names of earlier waves stay as they are until exactly this plan is approved."
    )
    return Notification(
        "approval_needed",
        f"[{env.name}] {what}: plan {_brief(digest)}",
        (
            waits,
            "",
            *list_facts(env, **known),
            "",
            "To approve this plan, or to reject it:",
            *indent_lines(commands),
            "",
            "What would change:",
            *indent_lines(summary),
        ),
        f"approval_needed/{request_id}/{digest}",
        f"eks-assets destroy {env.name}{'' if removes == 'it' else ' --removed'} --plan"
        if removes
        else f"eks-assets plan {env.name}",
    )


def request_approved(
    env: Environment, digest: str, approvers: Sequence[str], *, request_id: str = "", removal: str = ""
) -> Notification:
    """The grant is complete. `approvers`: who gave it, as AWS names them; `removal`: the command that destroys the
    environment, where that is what was approved."""
    continues = (
        f"The removal of {env.name} is approved. A person carries it out, with the first command below."
        if removal
        else f"The plan of {env.name} is approved. Dagster's daemon continues the deploy; without a daemon, the first "
        "command below does."
    )
    command = removal or f"eks-assets deploy {env.name}"
    return Notification(
        "approved",
        f"[{env.name}] approved: plan {_brief(digest)}",
        (
            continues,
            "",
            *list_facts(env, Plan=digest, Release=request_id),
            "",
            "Approved by:",
            *indent_lines(approvers),
            "",
            "To continue it, to look at it, or to stop it before it begins:",
            *indent_lines((command, f"eks-assets status {env.name}", _reject(env, digest))),
        ),
        f"approved/{request_id}/{digest}",
        f"eks-assets approvals {env.name}",
    )


def request_rejected(env: Environment, digest: str, who: str, reason: str, *, request_id: str = "") -> Notification:
    """Somebody said no, which ends the release."""
    return Notification(
        "rejected",
        f"[{env.name}] rejected: plan {_brief(digest)}",
        (
            f"The plan of {env.name} was rejected, and its release has ended: nothing more is changed under it.",
            "",
            *list_facts(env, Plan=digest, Release=request_id, By=who),
            "",
            "Reason:",
            *indent_lines(split_lines(reason or "none given")),
            "",
            "To try again, change what was wrong and deploy; that asks for approval again:",
            *indent_lines((f"eks-assets plan {env.name}", f"eks-assets deploy {env.name}")),
        ),
        f"rejected/{request_id}/{digest}",
        f"eks-assets approvals {env.name}",
    )


def request_expired(env: Environment, digest: str, at: str, *, request_id: str = "") -> Notification:
    """Nobody used the approval, or nobody completed it, in time. `at`: when it ended, as people write it."""
    return Notification(
        "expired",
        f"[{env.name}] approval expired: plan {_brief(digest)}",
        (
            f"The approval of the plan of {env.name} has expired: nothing more is changed under it.",
            "",
            *list_facts(env, Plan=digest, Release=request_id, Expired=at),
            "",
            "To ask for approval again, of the plan as it is then:",
            *indent_lines((f"eks-assets deploy {env.name}",)),
        ),
        f"expired/{request_id}/{digest}/{at}",
        f"eks-assets approvals {env.name}",
    )


def run_failed(
    env: Environment, run_id: str, unit: str, reason: str, next_step: str, link: str | None = None
) -> Notification:
    """A deploy ended with a failure. `reason`, `next_step`: the error's own words, secrets masked."""
    return Notification(
        "run_failed",
        f"[{env.name}] deploy failed: {unit}",
        (
            f"The deploy of {env.name} failed in {unit}. What was done before stays as it is, and is not done again.",
            "",
            *list_facts(env, Run=run_id, Unit=unit, Open=link),
            "",
            "Reason:",
            *indent_lines(split_lines(reason)),
            "",
            *(("Next:", *indent_lines(split_lines(next_step)), "") if next_step else ()),
            "To see its state, and to continue where it stopped:",
            *indent_lines((f"eks-assets status {env.name}", f"eks-assets deploy {env.name}")),
        ),
        f"run_failed/{run_id}",
        f"eks-assets status {env.name}",
    )


def deploy_succeeded(env: Environment, run_id: str, seconds: float, changed: Sequence[str]) -> Notification:
    """A deploy is complete. `changed`: what it changed, a line each."""
    what = count_words(len(changed), "change") if changed else "nothing had to change"
    return Notification(
        "succeeded",
        f"[{env.name}] deployed: {what}, in {_duration(seconds)}",
        (
            f"{env.name} is deployed, in {_duration(seconds)}: {what}. Nothing is left to do.",
            "",
            *list_facts(env, Run=run_id),
            "",
            "To look at it:",
            *indent_lines((f"eks-assets status {env.name}",)),
            *(("", "Changed:", *indent_lines(changed)) if changed else ()),
        ),
        f"succeeded/{run_id}",
        f"run {run_id} in Dagster: eks-assets ui",
    )


def _reject(env: Environment, digest: str) -> str:
    return f'eks-assets reject {env.name} --digest {digest} --reason "..."'


def list_facts(env: Environment, **facts: str | None) -> list[str]:
    """One line a fact that is known, names padded so that values stand below each other."""
    labelled = {"Environment": f"{env.name} (account {env.account}, {env.region})", "Owner": env.owner, **facts}
    return [f"{name + ':':<13}{value}" for name, value in labelled.items() if value]


def indent_lines(lines: Iterable[str]) -> list[str]:
    """The lines below a heading of the text."""
    return [f"  {line}" for line in lines]


def _brief(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def split_lines(text: str) -> list[str]:
    """The text's lines, whichever line breaks it has."""
    return text.replace("\r\n", "\n").split("\n")


def _printable(line: str) -> str:
    """On one line, with escapes for what a mail should not do and what SNS refuses: controls, halves of characters."""
    return escape_text(line.replace("\t", "    "))


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _left_out(lines: int, more: str) -> str:
    return f"... {lines} more lines; see {more}"


def count_words(number: int, noun: str) -> str:
    """`1 change`, `2 changes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
