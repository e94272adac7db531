"""Drift of a stack: the live resources against the live template.

CloudFormation's own detection compares what it can; what it leaves out is compared by us (`live/`), and what neither
compares is unchecked. Source: CloudFormation user guide, "Detect unmanaged configuration changes to stacks and
resources with drift detection".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.comparison import LAYER, Comparison, Difference
from resources.drivers.stack.known_writers import known_writer
from resources.drivers.stack.live.comparison import compare_live
from resources.drivers.stack.operations import VERSIONS
from resources.drivers.stack.status import accepts_updates, describe_stack
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, AwsResource, Drift, Finding, FindingKind, Unchecked
from resources.support.memory_cache import CacheKey
from resources.support.polling import Poll, wait_until

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceDriftTypeDef, StackResourceSummaryTypeDef

_KINDS: dict[str, FindingKind] = {"ADD": "extra", "REMOVE": "missing", "NOT_EQUAL": "changed"}
_COMPARED = ("IN_SYNC", "MODIFIED", "DELETED")
_SECONDS = 300.0
_COMPARISON: CacheKey[Comparison | None] = CacheKey("comparison of a stack with its template")
_INTERVAL = 2.0  # all stacks of an environment are asked side by side, under one limit of CloudFormation


def stack_drift(name: str, context: Context) -> Drift:
    """What differs and what cannot be compared. Raises AccessDenied, WaitTimeout, Transient."""
    comparison = compare_stack(name, context)
    if comparison is None:
        return Drift(is_pending=True)
    findings = (replace(d.finding, by_hand=bool(d.by_hand) or is_version(d)) for d in comparison.drifted)
    return Drift(tuple(findings), comparison.unchecked)


def compare_stack(name: str, context: Context) -> Comparison | None:
    """The stack beside its live template, compared once a context; None where there is no stack. Raises AccessDenied,
    WaitTimeout, Transient."""
    return context.cache.get(_COMPARISON, lambda: _compare(name, context), item=name)


def forget_comparisons(context: Context) -> None:
    """To be called when a stack has changed."""
    context.cache.invalidate(_COMPARISON)


def _compare(name: str, context: Context) -> Comparison | None:
    stack = describe_stack(context, name)
    if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    status = str(stack["StackStatus"])
    if not (accepts_updates(status) and status.endswith("_COMPLETE")):
        return Comparison(unchecked=(Unchecked(f"stack {name}", f"it is {status}"),))
    reason = _detect(name, context)
    drifts = _drifts(name, context)
    resources = _resources(name, context)
    ours = compare_live(stack, resources, dict(_left_out(drifts, resources, reason)), context)
    return Comparison((*_differences(drifts), *ours.differences), ours.unchecked)


def _detect(name: str, context: Context) -> str:
    """Have CloudFormation compare; returns why it could not compare everything, or nothing."""
    client = context.aws.client("cloudformation")

    def start() -> Poll[str]:
        with aws_call(f"detecting drift of stack {name}"):
            try:
                return Poll(client.detect_stack_drift(StackName=name)["StackDriftDetectionId"], "started")
            except ClientError as error:
                # Of somebody else, who began before us: what it finds may be older than what we look for.
                if "already in progress" not in str(error):
                    raise
                return Poll(None, "another comparison is under way")

    def look() -> Poll[str]:
        with aws_call(f"waiting for the drift detection of stack {name}"):
            answer = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if answer["DetectionStatus"] == "DETECTION_IN_PROGRESS":
            return Poll(None, "comparing")
        return Poll(str(answer.get("DetectionStatusReason") or ""), answer["DetectionStatus"])

    detection = _wait(start, name, context)
    return _wait(look, name, context)


def _wait(poll: Callable[[], Poll[str]], name: str, context: Context) -> str:
    what = f"drift detection of stack {name}"
    return wait_until(poll, what=what, deadline=_SECONDS, interval=_INTERVAL, progress=context.progress)


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


def _differences(drifts: Iterable[StackResourceDriftTypeDef]) -> Iterator[Difference]:
    for resource in drifts:
        logical_id, kind = resource["LogicalResourceId"], resource["ResourceType"]
        expected = json.loads(resource.get("ExpectedProperties") or "{}")
        for finding in _findings(resource):
            yield Difference(logical_id, kind, finding, known_writer(kind, finding, expected))


def _findings(resource: StackResourceDriftTypeDef) -> Iterator[Finding]:
    title = _title(resource)
    changed = AwsResource(resource["ResourceType"], resource.get("PhysicalResourceId", ""))
    if resource["StackResourceDriftStatus"] == "DELETED":
        yield Finding(LAYER, title, FieldChange("", EXISTS, None), "missing", resource=changed)
    for difference in resource.get("PropertyDifferences", []):
        kind = _KINDS[difference["DifferenceType"]]
        path = difference["PropertyPath"].strip("/").replace("/", ".")
        expected = None if kind == "extra" else _value(difference["ExpectedValue"])
        observed = None if kind == "missing" else _value(difference["ActualValue"])
        yield Finding(LAYER, title, FieldChange(path, expected, observed), kind, resource=changed)


def is_version(difference: Difference) -> bool:
    """Whether it is a Kubernetes version, of which EKS takes none back."""
    return difference.top in VERSIONS.get(difference.kind, ())


def _title(resource: Mapping[str, Any]) -> str:
    return f"{resource['ResourceType']} {resource['LogicalResourceId']} ({resource.get('PhysicalResourceId', '')})"


def _value(text: str) -> Any:
    """CloudFormation writes objects as JSON, and texts as they are."""
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except ValueError:
        return text


def _resources(name: str, context: Context) -> list[StackResourceSummaryTypeDef]:
    pages = context.aws.client("cloudformation").get_paginator("list_stack_resources")
    with aws_call(f"listing the resources of stack {name}"):
        return [resource for page in pages.paginate(StackName=name) for resource in page["StackResourceSummaries"]]


def _left_out(
    drifts: Iterable[StackResourceDriftTypeDef], resources: Iterable[StackResourceSummaryTypeDef], reason: str
) -> Iterator[tuple[str, str]]:
    """The resources that CloudFormation has not compared, and why."""
    by_id = {drift["LogicalResourceId"]: drift for drift in drifts}
    for resource in resources:
        logical_id = resource["LogicalResourceId"]
        drift = by_id.get(logical_id)
        if drift is None:
            yield logical_id, reason or "CloudFormation's drift detection does not compare this type"
        elif drift["StackResourceDriftStatus"] not in _COMPARED:
            why = f"CloudFormation says {drift['StackResourceDriftStatus']}"
            yield logical_id, str(drift.get("DriftStatusReason") or why)
