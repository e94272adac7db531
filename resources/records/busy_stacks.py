"""Waits for what an earlier run left under way, since CloudFormation knows no fence."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from resources.aws.errors import aws_call
from resources.cloudformation import stack_tags
from resources.context import Context
from resources.drivers.stack.status import describe_stack, is_busy
from resources.model.errors import AccessDenied
from resources.support.polling import Poll, wait_until

if TYPE_CHECKING:
    from botocore.model import StringShape
    from mypy_boto3_cloudformation.literals import StackStatusType


def wait_for_stacks(context: Context, names: Collection[str]) -> None:
    """Wait until no stack of the platform is under way. `names`: those that its file has had, one of which each of its
    stacks carries as a tag. Raises WaitTimeout, AccessDenied, Transient."""
    env, client = context.env, context.aws.client("cloudformation")
    every_status = cast("StringShape", client.meta.service_model.shape_for("StackStatus"))
    statuses = cast("list[StackStatusType]", [status for status in every_status.enum if is_busy(status)])

    def poll() -> Poll[bool]:
        with aws_call(f"listing the stacks of {env.name} that are under way"):
            pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=statuses)
            status_by_stack = {s["StackName"]: s["StackStatus"] for page in pages for s in page["StackSummaries"]}
        alike = [
            n for n in sorted(status_by_stack) if n.startswith(f"{env.resource_prefix}-") or n == env.karpenter_stack
        ]
        busy = [name for name in alike if _is_own(context, name, names)]
        return Poll(None if busy else True, ", ".join(f"{name} is {status_by_stack[name]}" for name in busy))

    wait_until(
        poll,
        what="waiting for what an earlier run left under way",
        deadline=max(env.deadlines.stack, env.deadlines.cluster),
        interval=5,
        progress=context.progress,
        next_step="aws cloudformation describe-stack-events --stack-name STACK says what it waits for",
    )


def _is_own(context: Context, name: str, names: Collection[str]) -> bool:
    """Whether the stack, named like the environment's, is not another's: acme-dev-2-cluster begins as the stacks of
    acme-dev do, and carries the tag of its own environment; nor do our rights reach it."""
    try:
        stack = describe_stack(context, name)
    except AccessDenied:
        return False
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])} if stack else {}
    return stack is not None and all(tags.get(key, context.env.name) in names for key in stack_tags(context.env))
