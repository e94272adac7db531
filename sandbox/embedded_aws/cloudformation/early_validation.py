"""What CloudFormation checks while it makes a change set, and DescribeEvents then says of it.

A name that another resource has fails the change set; a bucket that would be deleted although it holds objects is a
warning. Properties are checked when a stack is changed, which MiniStack does.
Source: CloudFormation user guide, "Validate stack deployments"; API, DescribeEvents.
"""

from collections.abc import Iterator
from typing import Any

from ministack.core.responses import new_uuid, now_iso
from ministack.services import cloudformation, s3
from ministack.services.cloudformation import handlers, stacks
from ministack.services.cloudformation.helpers import _error, _esc, _p, _xml

from .actions import Operation, Query, QueryResponse, created_change_set, wrap_action

Event = dict[str, str]

_BUCKET = "AWS::S3::Bucket"
_KEPT = ("Retain", "RetainExceptOnCreate")
_FIELDS = (*handlers._OPERATION_EVENT_FIELDS, "HookType", "HookStatus", "HookStatusReason", "HookFailureMode")
_FAILED = (
    "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early "
    "Validation errors, use the DescribeEvents API for detailed failure information."
)
_NOT_NAMED = "One of ChangeSetName, OperationId or StackName must be specified"


def _create(original: Operation, query: Query) -> QueryResponse:
    response = original(query)
    change_set = created_change_set(response)
    if change_set is None or change_set["Status"] != "CREATE_COMPLETE" or change_set["_disable_validation"]:
        return response
    change_set["_events"] = events = list(_validate(change_set))
    if any(event["ValidationFailureMode"] == "FAIL" for event in events):
        change_set.update(Status="FAILED", ExecutionStatus="UNAVAILABLE", StatusReason=_FAILED)
    return response


def _validate(change_set: dict[str, Any]) -> Iterator[Event]:
    stack = cloudformation._stacks.get(change_set["StackName"]) or {}
    before = (stack.get("_template") or {}).get("Resources") or {}
    after = change_set["_template"].get("Resources") or {}
    for change in (change["ResourceChange"] for change in change_set["Changes"]):
        logical_id, kind = change["LogicalResourceId"], change["ResourceType"]
        if kind != _BUCKET:
            continue
        if change["Action"] == "Add":
            name = (after[logical_id].get("Properties") or {}).get("BucketName")
            if isinstance(name, str) and s3._bucket_owner_account(name) is not None:
                reason = f"Resource of type '{kind}' with identifier '{name}' already exists."
                yield _event(change_set, logical_id, kind, "NAME_CONFLICT_VALIDATION", "FAIL", reason)
        elif change["Action"] == "Remove" and before.get(logical_id, {}).get("DeletionPolicy") not in _KEPT:
            name = change.get("PhysicalResourceId") or ""
            if (s3._buckets.get(name) or {}).get("objects"):
                reason = (
                    f"The bucket '{name}' is not empty. You must either delete all objects and versions or use the "
                    "deletion policy to retain it, otherwise the delete operation will fail."
                )
                yield _event(change_set, logical_id, kind, "BUCKET_EMPTINESS_VALIDATION", "WARN", reason)


def _event(change_set: dict[str, Any], logical_id: str, kind: str, name: str, mode: str, reason: str) -> Event:
    event: Event = stacks._operation_event(
        change_set["StackId"],
        new_uuid(),
        "VALIDATION_ERROR",
        "CREATE_CHANGESET",
        Timestamp=now_iso(),
        LogicalResourceId=logical_id,
        ResourceType=kind,
        ValidationFailureMode=mode,
        ValidationName=name,
        ValidationStatus="FAILED",
        ValidationStatusReason=reason,
        ValidationPath=f"/Resources/{logical_id}",
    )
    return event


def _describe(original: Operation, query: Query) -> QueryResponse:
    name = _p(query, "ChangeSetName")
    if not name or _p(query, "StackName"):
        return original(query)
    change_set = cloudformation._change_sets.get(name)
    if change_set is None:
        # A name without its stack says nothing, and the stack's would ask for the stack's events.
        refusal: QueryResponse = _error("ValidationError", _NOT_NAMED)
        return refusal
    members = "".join(f"<member>{_xml_of(event)}</member>" for event in change_set.get("_events") or ())
    result = f"<DescribeEventsResult><OperationEvents>{members}</OperationEvents></DescribeEventsResult>"
    response: QueryResponse = _xml(200, "DescribeEventsResponse", result)
    return response


def _xml_of(event: Event) -> str:
    return "".join(f"<{field}>{_esc(event[field])}</{field}>" for field in _FIELDS if event.get(field))


def install() -> None:
    """Validate change sets as they are made, and answer what was found."""
    wrap_action("CreateChangeSet", _create)
    wrap_action("DescribeEvents", _describe)
