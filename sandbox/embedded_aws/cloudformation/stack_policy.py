"""Stack policies: which updates of a stack's resources they deny."""

import fnmatch
import json
from typing import Any

from .resource_handlers import ResourceFailure


def require_allowed(stack: dict[str, Any], logical_id: str, kind: str, action: str) -> None:
    """Raises ResourceFailure when the stack's policy denies `action` (such as Update:Replace) on the resource."""
    document = stack.get("_stack_policy")
    if not document:
        return
    policy = json.loads(document)
    statements = policy.get("Statement") or []
    statements = statements if isinstance(statements, list) else [statements]
    matching = [
        (number, statement)
        for number, statement in enumerate(statements, 1)
        if _matches(statement, logical_id, kind, action)
    ]
    for number, statement in matching:
        if statement.get("Effect") == "Deny":
            raise ResourceFailure(
                f"Action denied by stack policy: Statement [#{number}] denies [{action}] for resource "
                f"[LogicalResourceId/{logical_id}]"
            )
    if not matching:
        raise ResourceFailure(
            f"Action denied by stack policy: no statement allows [{action}] for resource "
            f"[LogicalResourceId/{logical_id}]"
        )


def _as_list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _any_match(patterns: list[str], value: str) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def _matches(statement: dict[str, Any], logical_id: str, kind: str, action: str) -> bool:
    actions, not_actions = _as_list(statement.get("Action")), _as_list(statement.get("NotAction"))
    if not (_any_match(actions, action) if actions else not _any_match(not_actions, action)):
        return False
    name = f"LogicalResourceId/{logical_id}"
    resources, not_resources = _as_list(statement.get("Resource")), _as_list(statement.get("NotResource"))
    if not (_any_match(resources, name) if resources else not _any_match(not_resources, name)):
        return False
    types = statement.get("Condition") or {}
    wanted = [
        item
        for test in ("StringEquals", "StringLike")
        for item in _as_list((types.get(test) or {}).get("ResourceType"))
    ]
    return not wanted or _any_match(wanted, kind)
