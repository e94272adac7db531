"""What CloudFormation says while it compares, which the embedded one never says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from resources.config.environment import Environment
from resources.context import Context, ignore_progress
from resources.drivers.stack.drift import compare_stack
from resources.support.memory_cache import MemoryCache

STACK = "demo"


class CloudFormation:
    """Somebody else's comparison is under way at first; of two queues it could read one."""

    def __init__(self, status: str = "UPDATE_COMPLETE") -> None:
        self.status = status
        self.calls: list[str] = []

    def describe_stacks(self, **_: Any) -> Any:
        return {"Stacks": [{"StackName": STACK, "StackId": "id", "StackStatus": self.status}]}

    def detect_stack_drift(self, **_: Any) -> Any:
        self.calls.append("detect")
        if len(self.calls) == 1:
            words = f"Drift detection is already in progress for stack: {STACK}"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": words}}, "DetectStackDrift")
        return {"StackDriftDetectionId": "2"}

    def describe_stack_drift_detection_status(self, StackDriftDetectionId: str) -> Any:
        self.calls.append(f"look at {StackDriftDetectionId}")
        is_done = self.calls.count("look at 2") > 1
        return {"DetectionStatus": "DETECTION_COMPLETE" if is_done else "DETECTION_IN_PROGRESS"}

    def describe_stack_resource_drifts(self, **_: Any) -> Any:
        def drift(name: str, status: str, **more: Any) -> Any:
            return {**resource(name), "StackResourceDriftStatus": status, **more}

        return {"StackResourceDrifts": [drift("A", "IN_SYNC"), drift("B", "UNKNOWN", DriftStatusReason="may not read")]}

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{"StackResourceSummaries": [resource("A"), resource("B")]}])

    def get_template(self, **_: Any) -> Any:
        return {"TemplateBody": {"Resources": {}}}


def resource(name: str) -> dict[str, str]:
    return {"LogicalResourceId": name, "PhysicalResourceId": name.lower(), "ResourceType": "AWS::EC2::FlowLog"}


def context(cloudformation: CloudFormation, env: Environment) -> Context:
    aws = SimpleNamespace(client=lambda _: cloudformation)
    stand_in = SimpleNamespace(aws=aws, env=env, progress=ignore_progress, cache=MemoryCache())
    return cast(Context, stand_in)


def test_another_comparison_is_waited_for_and_what_could_not_be_read_is_unchecked(sandbox_env: Environment) -> None:
    """The other one may have begun before what we look for; UNKNOWN is never in sync."""
    cloudformation = CloudFormation()
    comparison = compare_stack(STACK, context(cloudformation, sandbox_env))
    assert cloudformation.calls == ["detect", "detect", "look at 2", "look at 2"]
    assert comparison is not None
    assert comparison.differences == ()
    assert [(u.object, u.reason) for u in comparison.unchecked] == [("AWS::EC2::FlowLog B (b)", "may not read")]


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_stack_that_does_not_rest_is_unchecked(status: str, sandbox_env: Environment) -> None:
    """CloudFormation refuses to compare it, and a plan goes on without."""
    cloudformation = CloudFormation(status)
    comparison = compare_stack(STACK, context(cloudformation, sandbox_env))
    assert comparison is not None
    assert [u.reason for u in comparison.unchecked] == [f"it is {status}"]
    assert cloudformation.calls == []
