"""The events of one stack as a stream of progress lines."""

from __future__ import annotations

from itertools import count
from typing import Any

from resources.aws_errors import aws_call
from resources.support.waiting import Look, wait_until
from resources.world import World

_FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "IMPORT_FAILED")
# One request a look, not two, leaves room to look twice as often under the same limits of CloudFormation.
_INTERVAL = 2.5
_SELDOM = 10  # looks
_CANCELLED = "Resource creation cancelled"


class EventStream:
    """Follows a stack by its id, so that the events of a stack that deletes itself remain readable."""

    def __init__(self, world: World, stack_id: str, name: str) -> None:
        self._world = world
        self._stack_id = stack_id
        self._name = name
        self._seen: set[str] = set()
        self._failures: list[str] = []
        self._rests = False
        self._last_status = ""

    def skip_old(self) -> None:
        """Count what happened until now as seen."""
        self._seen.update(event["EventId"] for event in self._new())

    def follow(self, deadline: float) -> str:
        """Stream events until the stack rests; returns its status. WaitTimeout after `deadline` seconds."""
        looks = count()

        def look() -> Look[str]:
            for event in self._new():
                self._say(event)
            # A stack that comes to rest says so by an event of its own; until then its status is asked seldom.
            if not self._rests and next(looks) % _SELDOM:
                return Look(None, self._last_status)
            self._last_status = self._status()
            return Look(None if self._last_status.endswith("_IN_PROGRESS") else self._last_status, self._last_status)

        what = f"stack {self._name}"
        status = wait_until(look, what=what, deadline=deadline, interval=_INTERVAL, next_step=self._where_to_look())
        for event in self._new():
            self._say(event)
        return status

    def first_failure(self) -> str:
        """The first resource that failed, with AWS's reason."""
        return self._failures[0] if self._failures else f"no event says why; {self._where_to_look()}"

    def _where_to_look(self) -> str:
        return f"aws cloudformation describe-stack-events --stack-name {self._stack_id}"

    def _status(self) -> str:
        with aws_call(f"describing stack {self._name}"):
            return str(
                self._world.aws.client("cloudformation").describe_stacks(StackName=self._stack_id)["Stacks"][0][
                    "StackStatus"
                ]
            )

    def _new(self) -> list[dict[str, Any]]:
        """Events not seen before, oldest first. AWS answers newest first, so reading stops at a known one."""
        fresh: list[dict[str, Any]] = []
        with aws_call(f"reading the events of stack {self._name}"):
            pages = self._world.aws.client("cloudformation").get_paginator("describe_stack_events")
            for page in pages.paginate(StackName=self._stack_id):
                unseen = [e for e in page["StackEvents"] if e["EventId"] not in self._seen]
                fresh.extend(unseen)
                if len(unseen) < len(page["StackEvents"]):
                    break
        self._seen.update(e["EventId"] for e in fresh)
        return fresh[::-1]

    def _say(self, event: dict[str, Any]) -> None:
        status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
        line = f"{event.get('ResourceType')} {event.get('LogicalResourceId')}: {status}"
        self._world.progress(f"{line}: {reason}" if reason else line)
        if event.get("PhysicalResourceId") == self._stack_id:
            self._rests = not status.endswith("_IN_PROGRESS")
        if status in _FAILED and _CANCELLED not in reason and event.get("PhysicalResourceId") != self._stack_id:
            self._failures.append(f"{event.get('ResourceType')} {event.get('LogicalResourceId')}: {reason or status}")
