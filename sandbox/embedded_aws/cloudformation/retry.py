"""Change sets that try a failed stack again with the template it already has.

MiniStack finds nothing to change then; AWS provisions what failed.
"""

from typing import Any

from ministack.services import cloudformation

from .actions import Operation, Query, QueryResponse, created_change_set, wrap_action
from .resource_handlers import Properties

_FAILED = ("CREATE_FAILED", "UPDATE_FAILED")


def _unfinished(stack: dict[str, Any], template: dict[str, Any]) -> list[dict[str, Any]]:
    """The changes that a retry makes: what the template has and the stack does not, or only half."""
    resources, changes = stack.get("_resources", {}), []
    for logical_id, definition in sorted((template.get("Resources") or {}).items()):
        record: Properties = resources.get(logical_id) or {}
        if not record or record.get("ResourceStatus") == "CREATE_FAILED":
            change = {"Action": "Add", "LogicalResourceId": logical_id, "ResourceType": definition.get("Type", "")}
            changes.append({"ResourceChange": change})
    return changes


def create_change_set(create: Operation, query: Query) -> QueryResponse:
    """CreateChangeSet; on a failed stack, a set without changes becomes one that tries again."""
    response = create(query)
    change_set = created_change_set(response)
    if change_set is None or change_set["Status"] != "FAILED":
        return response
    stack = cloudformation._stacks.get(change_set["StackName"]) or {}
    changes = _unfinished(stack, change_set["_template"]) if stack.get("StackStatus") in _FAILED else []
    if changes:
        change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="", Changes=changes)
    return response


def install() -> None:
    """Put it in front of MiniStack's operation."""
    wrap_action("CreateChangeSet", create_change_set)
