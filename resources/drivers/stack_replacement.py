"""Which resources a change set would replace: pure.

Source: CloudFormation API, ResourceChange and ResourceChangeDetail. A value that another resource supplies makes
CloudFormation say "Conditional", since it can't know that value yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resources.errors import Refused
from resources.specs import Stack


def refuse_replacements(spec: Stack[Any], change_set: Mapping[str, Any]) -> None:
    """Raises Refused where the change set replaces a resource that the spec doesn't say is harmless to replace.

    "Conditional" counts as a replacement, but where its only cause is the ARN of a resource of the same stack that
    itself stays: that ARN stays too."""
    changes = [c["ResourceChange"] for c in change_set.get("Changes", []) if "ResourceChange" in c]
    staying = {c["LogicalResourceId"] for c in changes if c.get("Replacement") == "False"}
    for change in changes:
        logical_id = change["LogicalResourceId"]
        causes = _causes(change, staying)
        certain = change.get("Replacement") == "True"
        if (certain or (change.get("Replacement") == "Conditional" and causes)) and logical_id not in spec.may_replace:
            why = f" (because of {', '.join(causes)})" if causes else ""
            raise Refused(
                f"stack {spec.name}: the change would replace {change.get('ResourceType')} {logical_id}{why}",
                next_step="undo that change in the environment file, or replace the resource deliberately by hand",
            )


def _causes(change: Mapping[str, Any], staying: set[str]) -> list[str]:
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
    return sorted(causes)
