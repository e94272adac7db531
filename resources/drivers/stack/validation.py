"""What CloudFormation's own checks, and the hooks of the account, say of a change set that they let pass or not.

Source: CloudFormation user guide, "Validate stack deployments"; API, DescribeEvents. The change set has to be named by
its ARN (aws-cloudformation/cloudformation-cli#1116).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import AccessDenied

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import OperationEventTypeDef


def list_findings(context: Context, change_set_id: str, stack: str) -> tuple[str, ...]:
    """One sentence a finding, each once; empty where a bootstrap of before gave no right to ask. Raises Transient."""
    try:
        with aws_call(f"reading what CloudFormation found in the change set of stack {stack}"):
            pages = context.aws.client("cloudformation").get_paginator("describe_events")
            asked = pages.paginate(ChangeSetName=change_set_id, Filters={"FailedEvents": True})
            events = [event for page in asked for event in page["OperationEvents"]]
    except AccessDenied:
        return ()
    return tuple(dict.fromkeys(words for event in events for words in _words(event)))


def _words(event: OperationEventTypeDef) -> Iterator[str]:
    where = f"{event.get('ResourceType', '')} {event.get('LogicalResourceId', '')}".strip()
    if event.get("EventType") == "VALIDATION_ERROR":
        reason = event.get("ValidationStatusReason") or event.get("ValidationName") or "no reason given"
        path = event.get("ValidationPath", "")
        yield f"{where}: {reason}" + (f" (at {path})" if path.count("/") > 2 else "")
    elif event.get("EventType") == "HOOK_INVOCATION_ERROR":
        yield f"hook {event.get('HookType')} of {where}: {event.get('HookStatusReason') or 'no reason given'}"
