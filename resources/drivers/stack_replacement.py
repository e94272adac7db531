"""Which resources a change set would replace: pure.

Source: CloudFormation API, ResourceChange and ResourceChangeDetail. A value that another resource supplies makes
CloudFormation say "Conditional", since it can't know that value yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resources.model.errors import Refused
from resources.model.specs import Stack


def resource_changes(change_set: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The changes of resources, as CloudFormation describes them."""
    return [c["ResourceChange"] for c in change_set.get("Changes", []) if "ResourceChange" in c]


def replacements(change_set: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Logical ids of what would be replaced, each with the properties that cause it.

    "Conditional" counts as a replacement, but where its only cause is the ARN of a resource of the same stack that
    itself stays: that ARN stays too."""
    changes = resource_changes(change_set)
    staying = {c["LogicalResourceId"] for c in changes if c.get("Replacement") == "False"}
    found: dict[str, tuple[str, ...]] = {}
    for change in changes:
        causes = _causes(change, staying)
        if change.get("Replacement") == "True" or (change.get("Replacement") == "Conditional" and causes):
            found[change["LogicalResourceId"]] = causes
    return found


def refuse_replacements(spec: Stack[Any], change_set: Mapping[str, Any]) -> None:
    """Raises Refused where the change set replaces a resource that the spec doesn't say is harmless to replace."""
    kinds = {c["LogicalResourceId"]: c.get("ResourceType") for c in resource_changes(change_set)}
    for logical_id, causes in replacements(change_set).items():
        if logical_id not in spec.may_replace:
            why = f" (because of {', '.join(causes)})" if causes else ""
            raise Refused(
                f"stack {spec.name}: the change would replace {kinds[logical_id]} {logical_id}{why}",
                next_step="undo that change in the environment file, or replace the resource deliberately by hand",
            )


def _causes(change: Mapping[str, Any], staying: set[str]) -> tuple[str, ...]:
    """The properties that may replace it, without those that only follow the ARN of a resource that stays."""
    causes: set[str] = set()
    for detail in change.get("Details", []):
        target = detail.get("Target", {})
        if target.get("RequiresRecreation", "Always") == "Never" or not target.get("Name"):
            continue
        entity, _, attribute = str(detail.get("CausingEntity") or "").partition(".")
        follows = detail.get("ChangeSource") == "ResourceAttribute" and attribute == "Arn" and entity in staying
        if not follows:
            causes.add(target["Name"])
    return tuple(sorted(causes))
