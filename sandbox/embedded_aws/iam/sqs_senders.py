"""SQS names the sender of each message by the unique id of its identity; MiniStack names the account.

Source: SQS API reference, ReceiveMessage: "SenderId: For a user, returns the user ID, for example
ABCDEFGHI1JKLMNOPQ23R. For an IAM role, returns the IAM role ID, for example ABCDE1F2GH3I4JK5LMNOP:i-a123b456."
"""

from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import iam, sqs


def unique_id(arn: str) -> str:
    """AWS's id of whoever has the ARN; the account's for its root."""
    account, name = arn.split(":")[4], arn.split("/")
    if ":assumed-role/" in arn:
        role = iam._roles.get_scoped(account, None, name[1]) or {}
        return f"{role.get('RoleId', '')}:{name[-1]}"
    user = iam._users.get(name[-1]) if ":user/" in arn else None
    return str(user["UserId"] if user else get_account_id())


def naming_sender(build: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The attributes that SQS itself gives to a message, with its sender."""

    def build_attributes(*arguments: Any, **options: Any) -> dict[str, Any]:
        return {**build(*arguments, **options), "SenderId": unique_id(iam_evaluator.caller_arn())}

    return build_attributes


def install() -> None:
    """Name the sender of each message that is sent."""
    sqs._build_send_sys_attrs = naming_sender(sqs._build_send_sys_attrs)
