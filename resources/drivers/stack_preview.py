"""What a change set says that a comparison of templates cannot: which resources change, how, and what that disrupts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from resources.drivers.cluster_changes import CLUSTER
from resources.drivers.stack_change_sets import drop_change_set, is_inline, make_change_set
from resources.drivers.stack_fields import template_digest, wanted_fields
from resources.drivers.stack_replacement import replacements, resource_changes
from resources.drivers.stack_states import accepts_updates
from resources.drivers.stack_steps import NODE_GROUP, Step
from resources.model.change import Change, FieldChange, Observed
from resources.model.errors import NotFound
from resources.model.outputs import pending_fields
from resources.model.specs import Stack
from resources.world import World

# Each of them makes EKS drain and replace the group's nodes.
_ROLLS_NODES = {"Version", "ReleaseVersion", "LaunchTemplate"}


def previewed(spec: Stack[Any], observed: Observed | None, change: Change, world: World) -> Change:
    """The change with the resources that an update touches, read from a change set that is deleted again.

    A stack that is new, or that accepts no update now, keeps the comparison as it is; so does one whose values are not
    all known yet, or whose template would have to be stored first."""
    change = replace(change, facts={**change.facts, "template": template_digest(spec)})
    if change.action != "update" or observed is None or not accepts_updates(observed.status):
        return change
    differs = any(wanted_fields(spec)[name] != observed.desired[name] for name in ("template", "parameters", "tags"))
    if not differs or not is_inline(spec) or pending_fields(spec.model_dump(mode="python")):
        return change
    step = Step(spec, "UPDATE")
    try:
        change_set = make_change_set(step, world)
        if change_set is not None:
            drop_change_set(step, world, change_set["ChangeSetName"])
    except NotFound:
        return change  # another run executed a change set of its own just now, which deletes all others
    return change if change_set is None else with_resources(change, spec, observed, change_set)


def with_resources(change: Change, spec: Stack[Any], observed: Observed, change_set: Mapping[str, Any]) -> Change:
    """The change with one more field a resource of the change set, and with what it disrupts: pure."""
    replaced = replacements(change_set)
    fields = tuple(_field(found, found["LogicalResourceId"] in replaced) for found in resource_changes(change_set))
    return replace(
        change,
        action="replace" if replaced else change.action,
        fields=(*change.fields, *fields),
        disrupts=(*change.disrupts, *_disruptions(spec, observed, change_set, replaced)),
    )


def _field(found: Mapping[str, Any], is_replaced: bool) -> FieldChange:
    """`Resources.<LogicalId>`: what there is, and what happens to it, with the properties that are the reason."""
    kind, action = found.get("ResourceType"), "Replace" if is_replaced else found["Action"]
    targets = [detail.get("Target", {}) for detail in found.get("Details", [])]
    scope = sorted({target.get("Name") or target.get("Attribute", "") for target in targets})
    after = f"{action} {kind}" + (f": {', '.join(scope)}" if scope else "")
    return FieldChange(
        f"Resources.{found['LogicalResourceId']}",
        None if found["Action"] == "Add" else kind,
        None if found["Action"] == "Remove" else after,
        replaces=is_replaced,
    )


def _disruptions(
    spec: Stack[Any], observed: Observed, change_set: Mapping[str, Any], replaced: Mapping[str, Any]
) -> Iterator[str]:
    before, after = observed.desired["template"].get("Resources", {}), spec.template.get("Resources", {})
    for found in resource_changes(change_set):
        logical_id, kind = found["LogicalResourceId"], found.get("ResourceType")
        old = before.get(logical_id, {}).get("Properties", {})
        new = after.get(logical_id, {}).get("Properties", {})
        names = {detail.get("Target", {}).get("Name") for detail in found.get("Details", [])}
        if kind == NODE_GROUP and (logical_id in replaced or names & _ROLLS_NODES or found["Action"] == "Remove"):
            verb = "removed" if found["Action"] == "Remove" else "replaced"
            yield f"nodes of node group {old.get('NodegroupName', logical_id)} are {verb}"
        elif logical_id in replaced:
            yield f"{kind} {logical_id} is replaced"
        elif found["Action"] == "Remove" and "Retain" not in str(found.get("PolicyAction", "")):
            yield f"{kind} {logical_id} is deleted"
        elif kind == CLUSTER and "Version" in names:
            yield f"control plane is upgraded from {old.get('Version')} to {new.get('Version')}"
