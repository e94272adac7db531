"""Drift of a stack, as CloudFormation's own detection sees it: the live resources against the live template.

Source: CloudFormation user guide, "Detect unmanaged configuration changes to stacks and resources with drift
detection". What it cannot compare it does not flag: those resources are listed as unchecked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.status import accepts_updates, describe_stack
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, Drift, Finding, FindingKind, Unchecked
from resources.model.specs import Stack
from resources.support.polling import Poll, wait_until

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceDriftTypeDef

LAYER = "cloudformation"
_KINDS: dict[str, FindingKind] = {"ADD": "extra", "REMOVE": "missing", "NOT_EQUAL": "changed"}
_SECONDS = 300.0


def stack_drift(spec: Stack[Any], context: Context) -> Drift:
    """What differs and what cannot be compared. Raises AccessDenied, WaitTimeout, Transient."""
    stack = describe_stack(context, spec.name)
    if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        return Drift(is_pending=True)
    status = str(stack["StackStatus"])
    if not accepts_updates(status):
        return Drift(unchecked=(Unchecked(f"stack {spec.name}", f"it is {status}"),))
    reason = _detect(spec.name, context)
    drifts = _drifts(spec.name, context)
    compared = {d["LogicalResourceId"] for d in drifts}
    return Drift(tuple(_findings(drifts)), tuple(_unchecked(spec.name, compared, reason, context)))


def _detect(name: str, context: Context) -> str:
    """Have CloudFormation compare; returns why it could not compare everything, or nothing."""
    client = context.aws.client("cloudformation")
    with aws_call(f"detecting drift of stack {name}"):
        detection = client.detect_stack_drift(StackName=name)["StackDriftDetectionId"]

    def poll() -> Poll[str]:
        with aws_call(f"waiting for the drift detection of stack {name}"):
            answer = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if answer["DetectionStatus"] == "DETECTION_IN_PROGRESS":
            return Poll(None, "comparing")
        return Poll(str(answer.get("DetectionStatusReason") or ""), answer["DetectionStatus"])

    return wait_until(
        poll, what=f"drift detection of stack {name}", deadline=_SECONDS, interval=0.5, progress=context.progress
    )


def _drifts(name: str, context: Context) -> list[StackResourceDriftTypeDef]:
    client, drifts, token = context.aws.client("cloudformation"), list[Any](), ""
    while True:
        with aws_call(f"reading the drift of stack {name}"):
            more: Any = {"NextToken": token} if token else {}
            page = client.describe_stack_resource_drifts(StackName=name, **more)
        drifts += page["StackResourceDrifts"]
        token = page.get("NextToken", "")
        if not token:
            return drifts


def _findings(drifts: Iterable[StackResourceDriftTypeDef]) -> Iterator[Finding]:
    for resource in drifts:
        title = _title(resource)
        if resource["StackResourceDriftStatus"] == "DELETED":
            yield Finding(LAYER, title, FieldChange("", EXISTS, None), "missing")
        for difference in resource.get("PropertyDifferences", []):
            kind = _KINDS[difference["DifferenceType"]]
            path = difference["PropertyPath"].strip("/").replace("/", ".")
            expected = None if kind == "extra" else _value(difference["ExpectedValue"])
            observed = None if kind == "missing" else _value(difference["ActualValue"])
            yield Finding(LAYER, title, FieldChange(path, expected, observed), kind)


def _title(resource: Mapping[str, Any]) -> str:
    return f"{resource['ResourceType']} {resource['LogicalResourceId']} ({resource.get('PhysicalResourceId', '')})"


def _value(text: str) -> Any:
    """CloudFormation writes objects as JSON, and texts as they are."""
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except ValueError:
        return text


def _unchecked(name: str, compared: set[str], reason: str, context: Context) -> Iterator[Unchecked]:
    pages = context.aws.client("cloudformation").get_paginator("list_stack_resources")
    with aws_call(f"listing the resources of stack {name}"):
        resources = [r for page in pages.paginate(StackName=name) for r in page["StackResourceSummaries"]]
    for resource in resources:
        if resource["LogicalResourceId"] in compared:
            continue
        title = _title(resource)
        yield Unchecked(title, reason or "CloudFormation's drift detection does not compare this type")
