"""The e-mails that SNS would send, one JSON line each, and the limits of what it accepts.

An e-mail subscription counts as confirmed at once: nobody reads the sandbox's confirmation e-mails.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ministack.services import sns

from .settings import settings

FILE = "mail.jsonl"
# AWS: ASCII, at most 100 characters, begins with a letter, number or punctuation mark, no control character.
_SUBJECT = re.compile(r"[!-~][ -~]{0,99}")

_ministack_fanout = sns._fanout
_ministack_publish_internal = sns.publish_internal


def publish(topic_arn: str, message: Any, subject: str = "", **options: Any) -> dict[str, Any] | None:
    """Publish. Raises SnsPublishError for an empty message and a subject that AWS refuses."""
    if not message:
        raise sns.SnsPublishError("InvalidParameter", "Invalid parameter: Empty message")
    if subject and not _SUBJECT.fullmatch(subject):
        raise sns.SnsPublishError("InvalidParameter", "Invalid parameter: Subject")
    published: dict[str, Any] | None = _ministack_publish_internal(topic_arn, message, subject, **options)
    return published


def fanout(
    topic_arn: str,
    msg_id: str,
    message: str,
    subject: str,
    message_structure: str = "",
    message_attributes: dict[str, Any] | None = None,
    **fifo: str,
) -> None:
    """Deliver to every subscription; to the e-mail addresses among them by a line in the file."""
    _ministack_fanout(topic_arn, msg_id, message, subject, message_structure, message_attributes, **fifo)
    state_dir = settings().state_dir
    topic = sns._topic_by_arn_any_scope(topic_arn)
    if state_dir is None or topic is None:
        return
    for subscription in topic["subscriptions"]:
        if subscription["protocol"] not in ("email", "email-json") or not subscription.get("confirmed"):
            continue
        text = sns._resolve_message_for_protocol(message, message_structure, subscription["protocol"])
        if sns._matches_filter_policy(subscription, message_attributes or {}, text):
            _write(state_dir / FILE, topic, subscription["endpoint"], subject, text)


def _write(file: Path, topic: dict[str, Any], address: str, subject: str, text: str) -> None:
    mail = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "topic": topic["arn"],
        "to": address,
        "subject": subject or "AWS Notification Message",  # what SNS writes where the publisher gave none
        "message": text,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(mail) + "\n")


def install() -> None:
    """Put both in front of MiniStack's."""
    sns.publish_internal = publish
    sns._fanout = fanout
