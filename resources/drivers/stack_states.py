"""What each state of a stack means for the next operation (facts: AWS docs, "Stack status codes")."""

from __future__ import annotations

from typing import Any

from resources.aws_errors import aws_call
from resources.model.errors import NotFound, OperationFailed
from resources.model.specs import Stack
from resources.support.waiting import Look, wait_until
from resources.world import World

_RECREATE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name}, then deploy again",
    "DELETE_FAILED": "aws cloudformation describe-stack-events --stack-name {name} says what holds it; "
    "remove that and delete the stack, then deploy again",
}


def must_be_recreated(status: str) -> bool:
    """Whether the stack never came to life: it can only be deleted and created again."""
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


def describe_stack(world: World, name: str) -> dict[str, Any] | None:
    """The live stack by name or id; None where there is none."""
    try:
        with aws_call(f"describing stack {name}"):
            found: dict[str, Any] = world.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
            return found
    except NotFound:
        return None


def wait_while_busy(world: World, spec: Stack[Any]) -> None:
    """Wait for an operation that another run left under way; WaitTimeout after the spec's `timeout`."""

    def look() -> Look[bool]:
        found = describe_stack(world, spec.name)
        status = found["StackStatus"] if found else "absent"
        return Look(None if is_busy(status) else True, f"another operation is under way: {status}")

    wait_until(
        look,
        what=f"stack {spec.name}",
        deadline=spec.timeout,
        interval=5,
        progress=world.progress,
        next_step=f"aws cloudformation describe-stack-events --stack-name {spec.name}",
    )
