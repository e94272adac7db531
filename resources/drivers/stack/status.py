"""What each state of a stack means for the next operation (facts: AWS docs, "Stack status codes")."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import NotFound, OperationFailed
from resources.model.specs import Stack
from resources.support.polling import LATE, Poll, wait_until

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.literals import StackStatusType
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

_RECREATE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name}, then deploy again",
    "IMPORT_ROLLBACK_FAILED": "aws cloudformation describe-stack-events --stack-name {name} says what could not be put "
    "back; delete the stack, keeping what it imported (--retain-resources), then deploy again",
    "DELETE_FAILED": "aws cloudformation describe-stack-events --stack-name {name} says what holds it; "
    "remove that and delete the stack, then deploy again",
}


def must_be_recreated(status: str) -> bool:
    """Whether the stack was never created: it can only be deleted and recreated."""
    return status in _RECREATE


def is_busy(status: str) -> bool:
    """Whether an operation is under way."""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def accepts_updates(status: str) -> bool:
    """Whether a change set of kind UPDATE can be made now."""
    return not (is_busy(status) or must_be_recreated(status) or status in _STUCK)


def refuse_stuck(name: str, status: str) -> None:
    """Raises OperationFailed, naming the way out, for the states that need a person."""
    if status in _STUCK:
        raise OperationFailed(
            f"stack {name} is {status} and accepts no change", next_step=_STUCK[status].format(name=name)
        )


def describe_stack(context: Context, name: str) -> StackTypeDef | None:
    """The live stack by name or id; None where there is none."""
    try:
        with aws_call(f"describing stack {name}"):
            return context.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except NotFound:
        return None


def wait_while_busy(context: Context, spec: Stack[Any]) -> None:
    """Wait for an operation that another run left under way; WaitTimeout after the spec's `timeout`."""

    def poll() -> Poll[bool]:
        stack = describe_stack(context, spec.name)
        status = stack["StackStatus"] if stack else "absent"
        return Poll(None if is_busy(status) else True, f"another operation is under way: {status}")

    wait_until(
        poll,
        what=f"stack {spec.name}",
        deadline=spec.timeout,
        interval=5,
        progress=context.progress,
        next_step=f"aws cloudformation describe-stack-events --stack-name {spec.name}",
    )


_FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "IMPORT_FAILED")
# One request a poll, not two, leaves room to poll twice as often under the same limits of CloudFormation.
_INTERVAL = 2.5
_SELDOM = 10  # polls
# CloudFormation's words for what it stopped since something else had failed.
_CANCELLED = re.compile(r"^Resource (creation|update) cancelled|^Operation was cancell?ed", re.IGNORECASE)


FAILED_STATES: list[StackStatusType] = [
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_FAILED",
    "DELETE_FAILED",
]
_BEGINS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS", "DELETE_IN_PROGRESS")


def find_first_failure(context: Context, stack_id: str, name: str) -> tuple[str, datetime | None]:
    """The first resource that failed in the stack's last operation, with AWS's reason, and when."""
    cause: tuple[str, datetime | None] = (f"no event says why; {_events_command(stack_id)}", None)
    hooks: list[str] = []
    with aws_call(f"reading the events of stack {name}"):
        pages = context.aws.client("cloudformation").get_paginator("describe_stack_events")
        for event in (event for page in pages.paginate(StackName=stack_id) for event in page["StackEvents"]):
            status, is_stack = event.get("ResourceStatus", ""), event.get("PhysicalResourceId") == stack_id
            if is_stack and status in _BEGINS:
                break
            if hook := _hook_words(event):
                hooks.append(hook)
            if _is_failure(event, stack_id):
                cause = _failure_words(event), event["Timestamp"]
    return _with_hooks(cause[0], hooks), cause[1]


def _is_failure(event: StackEventTypeDef, stack_id: str) -> bool:
    """Whether a resource failed by itself, not because another one did."""
    reason, is_stack = event.get("ResourceStatusReason", ""), event.get("PhysicalResourceId") == stack_id
    return event.get("ResourceStatus", "") in _FAILED and not _CANCELLED.search(reason) and not is_stack


def _failure_words(event: StackEventTypeDef) -> str:
    reason = event.get("ResourceStatusReason", "") or event.get("ResourceStatus", "")
    return f"{event.get('ResourceType')} {event.get('LogicalResourceId')}: {reason}"


def _hook_words(event: StackEventTypeDef) -> str:
    """What a hook of the account that let a resource not pass says of it; empty for any other event. The resource's own
    event names the hook alone (CloudFormation user guide, "View Hook invocation results")."""
    if event.get("HookStatus") != "HOOK_COMPLETE_FAILED":
        return ""
    reason = event.get("HookStatusReason") or "it gives no reason"
    return f"hook {event.get('HookType')} of {event.get('LogicalResourceId')}: {reason}"


def _with_hooks(cause: str, hooks: Sequence[str]) -> str:
    return "; ".join((cause, *dict.fromkeys(hooks)))


def _events_command(stack_id: str) -> str:
    return f"aws cloudformation describe-stack-events --stack-name {stack_id}"


class EventStream:
    """Follows a stack by its id, so that the events of a stack that deletes itself remain readable."""

    def __init__(self, context: Context, stack_id: str, name: str) -> None:
        self._context = context
        self._stack_id = stack_id
        self._name = name
        self._known_events: set[str] = set()
        self._failures: list[str] = []
        self._hooks: list[str] = []
        self._rests = False
        self._last_status = ""

    def skip_old(self) -> None:
        """Ignore the events until now."""
        self._known_events.update(event["EventId"] for event in self._new())

    def follow(self, deadline: float) -> str:
        """Stream events until the stack rests; returns its status. WaitTimeout after `deadline` seconds."""
        polls, began = count(), time.monotonic()

        def poll() -> Poll[str]:
            for event in self._new():
                self._say(event)
            # A stack that comes to rest says so by an event of its own; until then its status is asked seldom.
            if not self._rests and next(polls) % _SELDOM:
                return Poll(None, self._last_status)
            try:
                self._last_status = self._status()
            except NotFound:
                if time.monotonic() - began > LATE:
                    raise
                return Poll(None, "AWS does not show it yet")
            return Poll(None if self._last_status.endswith("_IN_PROGRESS") else self._last_status, self._last_status)

        what = f"stack {self._name}"
        status = wait_until(poll, what=what, deadline=deadline, interval=_INTERVAL, next_step=self._events_command())
        for event in self._new():
            self._say(event)
        return status

    def first_failure(self) -> str:
        """The first resource that failed, with AWS's reason and that of the hooks that stopped it."""
        cause = self._failures[0] if self._failures else f"no event says why; {self._events_command()}"
        return _with_hooks(cause, self._hooks)

    def _events_command(self) -> str:
        return _events_command(self._stack_id)

    def _status(self) -> str:
        with aws_call(f"describing stack {self._name}"):
            stacks = self._context.aws.client("cloudformation").describe_stacks(StackName=self._stack_id)["Stacks"]
            return stacks[0]["StackStatus"]

    def _new(self) -> list[StackEventTypeDef]:
        """Events not seen before, oldest first. AWS answers newest first, so reading stops at a known one."""
        fresh: list[StackEventTypeDef] = []
        with aws_call(f"reading the events of stack {self._name}"):
            pages = self._context.aws.client("cloudformation").get_paginator("describe_stack_events")
            for page in pages.paginate(StackName=self._stack_id):
                unseen = [e for e in page["StackEvents"] if e["EventId"] not in self._known_events]
                fresh.extend(unseen)
                if len(unseen) < len(page["StackEvents"]):
                    break
        self._known_events.update(e["EventId"] for e in fresh)
        return fresh[::-1]

    def _say(self, event: StackEventTypeDef) -> None:
        status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
        if hook := _hook_words(event):
            self._hooks.append(hook)
            self._context.progress(hook)
            return
        line = f"{event.get('ResourceType')} {event.get('LogicalResourceId')}: {status}"
        self._context.progress(f"{line}: {reason}" if reason else line)
        if event.get("PhysicalResourceId") == self._stack_id:
            self._rests = not status.endswith("_IN_PROGRESS")
        if _is_failure(event, self._stack_id):
            self._failures.append(_failure_words(event))
