"""Putting something in front of MiniStack's CloudFormation operations."""

import re
from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers

Query = dict[str, Any]
QueryResponse = tuple[int, dict[str, str], bytes | str]
Operation = Callable[[Query], QueryResponse]


def wrap_action(action: str, wrapper: Callable[[Operation, Query], QueryResponse]) -> None:
    """Put `wrapper` around an operation; it gets the operation that was there before."""
    original: Operation = handlers._ACTION_HANDLERS[action]
    handlers._ACTION_HANDLERS[action] = lambda query: wrapper(original, query)


def created_change_set(response: QueryResponse) -> dict[str, Any] | None:
    """The record of the change set that a CreateChangeSet response names, None when it was refused."""
    if response[0] >= 400:
        return None
    body = response[2] if isinstance(response[2], str) else response[2].decode()
    match = re.search(r"<Id>(.*?)</Id>", body)
    change_set: dict[str, Any] | None = cloudformation._change_sets.get(match[1]) if match else None
    return change_set
