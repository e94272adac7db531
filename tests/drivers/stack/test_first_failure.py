"""The first cause of a stack's failure; the embedded AWS has neither hooks nor a second of what it cancels."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.stack.status import EventStream, find_first_failure

STACK = "arn:aws:cloudformation:us-west-2:000000000000:stack/s/1"


def event(number: int, resource: str, status: str, reason: str = "", **more: str) -> dict[str, Any]:
    return {
        "EventId": str(number),
        "Timestamp": dt.datetime(2026, 11, 30, 12, 0, number, tzinfo=dt.UTC),
        "LogicalResourceId": resource,
        "PhysicalResourceId": STACK if resource == "s" else "",
        "ResourceType": "AWS::S3::Bucket",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        **more,
    }


def context_of(env: Environment, events: list[dict[str, Any]], status: str) -> Context:
    """A Context whose CloudFormation has these events, oldest first."""
    pages = SimpleNamespace(paginate=lambda **_: [{"StackEvents": events[::-1]}])
    stacks = {"Stacks": [{"StackStatus": status}]}
    client = SimpleNamespace(get_paginator=lambda _: pages, describe_stacks=lambda **_: stacks)
    return Context(env, cast(Aws, SimpleNamespace(client=lambda _: client)))


def causes(env: Environment, events: list[dict[str, Any]], status: str) -> tuple[str, str]:
    """What doctor and a deploy say of the same events."""
    context = context_of(env, events, status)
    stream = EventStream(context, STACK, "s")
    stream.follow(5)
    return find_first_failure(context, STACK, "s")[0], stream.first_failure()


def test_what_failed_first_is_the_cause_and_what_was_cancelled_for_it_is_not(sandbox_env: Environment) -> None:
    """CloudFormation ends the others of an update, too, and an earlier operation's failure is past."""
    events = [
        event(1, "Old", "CREATE_FAILED", "an earlier operation's"),
        event(2, "s", "UPDATE_IN_PROGRESS"),
        event(3, "Other", "UPDATE_FAILED", "Resource update cancelled"),
        event(4, "New", "CREATE_FAILED", "Resource creation cancelled"),
        event(5, "Cause", "UPDATE_FAILED", "Bucket name is taken"),
        event(6, "Second", "CREATE_FAILED", "the vpc does not exist"),
        event(7, "s", "UPDATE_ROLLBACK_COMPLETE"),
    ]
    said = find_first_failure(context_of(sandbox_env, events, "UPDATE_ROLLBACK_COMPLETE"), STACK, "s")[0]
    assert said == "AWS::S3::Bucket Cause: Bucket name is taken"
    assert causes(sandbox_env, events[1:], "UPDATE_ROLLBACK_COMPLETE") == (said, said)


def test_hook_that_stopped_a_resource_gives_its_reason(sandbox_env: Environment) -> None:
    """The resource's own event names the hook alone. One that only warns has stopped nothing, and says nothing here."""
    hook = {"HookType": "Acme::Security::Encryption", "HookInvocationPoint": "PRE_PROVISION"}
    words = "buckets are encrypted with a key of the security team"
    events = [
        event(1, "s", "CREATE_IN_PROGRESS"),
        event(2, "Fine", "CREATE_IN_PROGRESS", **hook, HookStatus="HOOK_COMPLETE_SUCCEEDED"),
        event(3, "Data", "CREATE_IN_PROGRESS", **hook, HookStatus="HOOK_COMPLETE_FAILED", HookStatusReason=words),
        event(4, "Data", "CREATE_FAILED", "The following hook(s) failed: [Acme::Security::Encryption]"),
        event(5, "s", "ROLLBACK_COMPLETE"),
    ]
    said = (
        "AWS::S3::Bucket Data: The following hook(s) failed: [Acme::Security::Encryption]; hook "
        f"Acme::Security::Encryption of Data: {words}"
    )
    assert causes(sandbox_env, events, "ROLLBACK_COMPLETE") == (said, said)
