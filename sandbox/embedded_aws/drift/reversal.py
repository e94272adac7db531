"""Change sets with DeploymentMode REVERT_DRIFT: they also put back what drifted since the last operation."""

import json
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, drift, stacks
from ministack.services.cloudformation.helpers import _p

from ..cloudformation.actions import Operation, Query, QueryResponse, created_change_set, wrap_action
from ..cloudformation.resource_handlers import Properties

Change = dict[str, Any]
# Per logical id, the properties that drifted as they are now (None: no longer set); None when it was deleted.
Drifted = dict[str, Properties | None]


def drifted_resources(stack: dict[str, Any]) -> Drifted:
    """What drifted in a stack, of the types whose drift can be read."""
    drifted: Drifted = {}
    for logical_id, record in stack.get("_resources", {}).items():
        if not drift.supports_drift(record.get("ResourceType", "")):
            continue
        found = drift.detect_resource_drift(stack, logical_id, record, now_iso())
        if found["StackResourceDriftStatus"] == "DELETED":
            drifted[logical_id] = None
        elif found["StackResourceDriftStatus"] == "MODIFIED":
            actual = json.loads(found["ActualProperties"])
            names = {difference["PropertyPath"].split("/")[1] for difference in found["PropertyDifferences"]}
            drifted[logical_id] = {name: actual.get(name) for name in sorted(names)}
    return drifted


def create_change_set(create: Operation, query: Query) -> QueryResponse:
    """CreateChangeSet; with REVERT_DRIFT its changes include those that revert drift."""
    response = create(query)
    change_set = created_change_set(response)
    if change_set is None or _p(query, "DeploymentMode") != "REVERT_DRIFT":
        return response
    stack = cloudformation._stacks.get(change_set["StackName"])
    if stack is None:
        return response
    kept = set(change_set["_template"].get("Resources") or {})
    drifted = {key: value for key, value in drifted_resources(stack).items() if key in kept}
    if drifted:
        change_set["_drifted"] = drifted
        change_set["Changes"] = _merged(change_set["Changes"], stack, drifted)
        if change_set["Status"] == "FAILED":
            change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")
    return response


def _merged(changes: list[Change], stack: dict[str, Any], drifted: Drifted) -> list[Change]:
    listed = {change["ResourceChange"]["LogicalResourceId"] for change in changes}
    added = [
        _change(key, stack["_resources"][key], properties) for key, properties in drifted.items() if key not in listed
    ]
    return sorted(changes + added, key=lambda change: str(change["ResourceChange"]["LogicalResourceId"]))


def _change(logical_id: str, record: dict[str, Any], properties: Properties | None) -> Change:
    kind = record["ResourceType"]
    change: Change = {"LogicalResourceId": logical_id, "ResourceType": kind}
    if properties is None:
        return {"ResourceChange": {**change, "Action": "Add", "ResourceDriftStatus": "DELETED"}}
    details = [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": name,
                "RequiresRecreation": stacks._property_recreation(kind, name),
            },
            "Evaluation": "Static",
            "ChangeSource": "NoModification",
        }
        for name in properties
    ]
    change.update(
        Action="Modify",
        PhysicalResourceId=record["PhysicalResourceId"],
        Scope=["Properties"],
        Replacement=stacks._replacement(details, False),
        Details=details,
        ResourceDriftStatus="MODIFIED",
    )
    return {"ResourceChange": change}


def execute_change_set(execute: Operation, query: Query) -> QueryResponse:
    """ExecuteChangeSet; hands what is to be reverted to the deployment."""
    _identifier, change_set = changesets._find_change_set(_p(query, "ChangeSetName"), _p(query, "StackName"))
    stack = cloudformation._stacks.get((change_set or {}).get("StackName"))
    if stack is not None and change_set.get("_drifted"):
        stack["_drifted"] = change_set["_drifted"]
    return execute(query)


def install() -> None:
    """Put both operations in front of MiniStack's."""
    wrap_action("CreateChangeSet", create_change_set)
    wrap_action("ExecuteChangeSet", execute_change_set)
