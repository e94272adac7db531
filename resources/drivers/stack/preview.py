"""What a change set says that a comparison of templates cannot: which resources change, how, and what that disrupts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.stack.change_sets import drop_change_set, is_inline, make_change_set
from resources.drivers.stack.cluster_guard import CLUSTER
from resources.drivers.stack.comparison import Difference
from resources.drivers.stack.fields import template_digest, wanted_fields
from resources.drivers.stack.operations import NODE_GROUP, Step
from resources.drivers.stack.status import accepts_updates
from resources.drivers.stack.validation import list_findings
from resources.model.change import Change, FieldChange, Observed
from resources.model.errors import NotFound, Refused
from resources.model.outputs import pending_fields
from resources.model.specs import Stack

# They are what they are for as long as the resource is.
_FIXED_ATTRIBUTES = {"AllocationId", "Arn", "ClusterSecurityGroupId", "GroupId", "OpenIdConnectIssuerUrl", "QueueName"}
# Each of them makes EKS drain and replace the group's nodes.
_ROLLS_NODES = {"Version", "ReleaseVersion", "LaunchTemplate"}


def preview_stack(
    spec: Stack[Any],
    observed: Observed | None,
    change: Change,
    drifted: tuple[Difference, ...],
    context: Context,
) -> Change:
    """The change with the resources that an update touches and what CloudFormation and hooks warn of, read from a
    change set that is deleted again; with what `drifted` as far as CloudFormation puts it back.

    A stack that is new, or that accepts no update now, keeps the comparison as it is; so does one whose values are not
    all known yet, or whose template would have to be stored first."""
    change = replace(change, facts={**change.facts, "template": template_digest(spec)})
    if change.action != "update" or observed is None or not accepts_updates(observed.status):
        return change
    differs = any(wanted_fields(spec)[name] != observed.desired[name] for name in ("template", "parameters", "tags"))
    if not (differs or drifted) or not is_inline(spec) or pending_fields(spec.model_dump(mode="python")):
        return change
    step = Step(spec, "UPDATE", reverts_drift=any(not difference.by_hand for difference in drifted))
    try:
        change_set = make_change_set(step, context)
        if change_set is not None:
            change = replace(change, warnings=list_findings(context, change_set["ChangeSetId"], spec.name))
            drop_change_set(step, context, change_set["ChangeSetName"])
    except NotFound:
        return change  # another run executed a change set of its own just now, which deletes all others
    change = replace(change, disrupts=(*change.disrupts, *_not_restored(drifted, change_set or {})))
    return change if change_set is None else with_resources(change, spec, observed, change_set)


def _not_restored(drifted: tuple[Difference, ...], change_set: Mapping[str, Any]) -> Iterator[str]:
    """What drifted that CloudFormation would leave as it is, beside what is known not to be restored anyway."""
    restored = {change["LogicalResourceId"] for change in resource_changes(change_set)}
    for difference in drifted:
        if not difference.by_hand and difference.logical_id not in restored:
            yield f"{difference.place}: CloudFormation does not put it back; put it back by hand"


def with_resources(change: Change, spec: Stack[Any], observed: Observed, change_set: Mapping[str, Any]) -> Change:
    """The change with one more field a resource of the change set, and with what it disrupts: pure."""
    replaced = list_replacements(change_set)
    fields = tuple(_field(one, one["LogicalResourceId"] in replaced) for one in resource_changes(change_set))
    return replace(
        change,
        action="replace" if replaced else change.action,
        fields=(*change.fields, *fields),
        disrupts=(*change.disrupts, *_disruptions(spec, observed, change_set, replaced)),
    )


def _field(resource_change: Mapping[str, Any], is_replaced: bool) -> FieldChange:
    """`Resources.<LogicalId>`: what there is, and what happens to it, with the properties that are the reason."""
    kind, action = resource_change.get("ResourceType"), "Replace" if is_replaced else resource_change["Action"]
    targets = [detail.get("Target", {}) for detail in resource_change.get("Details", [])]
    scope = sorted({target.get("Name") or target.get("Attribute", "") for target in targets})
    after = f"{action} {kind}" + (f": {', '.join(scope)}" if scope else "")
    return FieldChange(
        f"Resources.{resource_change['LogicalResourceId']}",
        None if resource_change["Action"] == "Add" else kind,
        None if resource_change["Action"] == "Remove" else after,
        replaces=is_replaced,
    )


def _disruptions(
    spec: Stack[Any], observed: Observed, change_set: Mapping[str, Any], replaced: Mapping[str, Any]
) -> Iterator[str]:
    before, after = observed.desired["template"].get("Resources", {}), spec.template.get("Resources", {})
    for resource_change in resource_changes(change_set):
        logical_id, kind = resource_change["LogicalResourceId"], resource_change.get("ResourceType")
        is_removed = resource_change["Action"] == "Remove"
        old = before.get(logical_id, {}).get("Properties", {})
        new = after.get(logical_id, {}).get("Properties", {})
        names = {detail.get("Target", {}).get("Name") for detail in resource_change.get("Details", [])}
        if kind == NODE_GROUP and (logical_id in replaced or names & _ROLLS_NODES or is_removed):
            verb = "removed" if is_removed else "replaced"
            yield f"nodes of node group {old.get('NodegroupName', logical_id)} are {verb}"
        elif logical_id in replaced:
            yield f"{kind} {logical_id} is replaced"
        elif is_removed and "Retain" not in str(resource_change.get("PolicyAction", "")):
            yield f"{kind} {logical_id} is deleted"
        elif kind == CLUSTER and "Version" in names:
            yield f"control plane is upgraded from {old.get('Version')} to {new.get('Version')}"


def resource_changes(change_set: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The changes of resources, as CloudFormation describes them."""
    return [c["ResourceChange"] for c in change_set.get("Changes", []) if "ResourceChange" in c]


def list_replacements(change_set: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Logical ids of what would be replaced, each with the properties that cause it.

    "Conditional" counts as a replacement, but where its only cause is an attribute of a resource of the same stack that
    itself stays, and the attribute with it."""
    changes = resource_changes(change_set)
    staying = {c["LogicalResourceId"] for c in changes if c.get("Replacement") == "False"}
    causes_by_id: dict[str, tuple[str, ...]] = {}
    for change in changes:
        causes = _causes(change, staying)
        if change.get("Replacement") == "True" or (change.get("Replacement") == "Conditional" and causes):
            causes_by_id[change["LogicalResourceId"]] = causes
    return causes_by_id


def refuse_replacements(spec: Stack[Any], change_set: Mapping[str, Any]) -> None:
    """Raises Refused where the change set replaces a resource that the spec doesn't say is harmless to replace."""
    kinds = {c["LogicalResourceId"]: c.get("ResourceType") for c in resource_changes(change_set)}
    for logical_id, causes in list_replacements(change_set).items():
        if logical_id not in spec.may_replace:
            why = f" (because of {', '.join(causes)})" if causes else ""
            raise Refused(
                f"stack {spec.name}: the change would replace {kinds[logical_id]} {logical_id}{why}",
                next_step="undo that change in the environment file, or replace the resource deliberately by hand",
            )


def _causes(change: Mapping[str, Any], staying: set[str]) -> tuple[str, ...]:
    """The properties that may replace it, without those that only follow what stays of a resource that stays."""
    causes: set[str] = set()
    for detail in change.get("Details", []):
        target = detail.get("Target", {})
        if target.get("RequiresRecreation", "Always") == "Never" or not target.get("Name"):
            continue
        entity, _, attribute = str(detail.get("CausingEntity") or "").partition(".")
        is_attribute = detail.get("ChangeSource") == "ResourceAttribute"
        follows = is_attribute and attribute in _FIXED_ATTRIBUTES and entity in staying
        if not follows:
            causes.add(target["Name"])
    return tuple(sorted(causes))
