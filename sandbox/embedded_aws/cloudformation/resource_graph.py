"""Running the resources of a stack as the graph they are, without blocking other requests."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ministack.core.concurrency import run_reentrant
from ministack.services.cloudformation import stacks

from ..settings import settings
from .resource_handlers import Properties

_ministack_thread_types = stacks._runs_on_worker_thread
_BLOCKING_TYPES = frozenset(
    {
        "AWS::EKS::Cluster",
        "AWS::EKS::Nodegroup",
        "AWS::EKS::Addon",
        "AWS::EKS::AccessEntry",
    }
)


def runs_on_worker_thread(kind: str) -> bool:
    """Whether a type's handlers block, so that they must not run on the event loop."""
    return kind in _BLOCKING_TYPES or bool(_ministack_thread_types(kind))


def slow_resource_id(kind: str, props: Properties) -> str:
    """The physical id that a slow resource is going to have, empty for other types and generated names."""
    members = {
        "AWS::EKS::Cluster": ("Name",),
        "AWS::EKS::Nodegroup": ("ClusterName", "NodegroupName"),
        "AWS::EKS::Addon": ("ClusterName", "AddonName"),
    }.get(kind, ())
    names = [str(props.get(member) or "") for member in members]
    separator = "|" if kind == "AWS::EKS::Addon" else "/"
    return separator.join(names) if all(names) else ""


async def call_handler(kind: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a resource handler; one that blocks does not hold up other requests."""
    if runs_on_worker_thread(kind):
        return await run_reentrant(function, *arguments)
    return function(*arguments)


async def provision(kind: str, logical_id: str, props: Properties, stack: str) -> Any:
    """Create a resource and let that take at least the configured seconds. Changes and deletions take what they take:
    what AWS and others publish are durations of creations."""
    began = time.monotonic()
    result = await call_handler(kind, stacks._provision_keeping_seed, kind, logical_id, props, stack)
    delays = settings().delays
    remaining = delays.get(f"{kind}/{logical_id}", delays.get(kind, 0.0)) - (time.monotonic() - began)
    if remaining > 0:
        await asyncio.sleep(remaining)
    return result


async def run_graph(
    order: list[str], needs: Callable[[str], Iterable[str]], step: Callable[[str], Awaitable[bool]]
) -> None:
    """Run `step` for every id of `order`, each as soon as the ids it needs have succeeded.

    `order` is topological. A step that returns False stops what needs it; what already runs is awaited.
    """
    tasks: dict[str, asyncio.Task[bool]] = {}

    async def node(identifier: str) -> bool:
        results = await asyncio.gather(*(tasks[needed] for needed in needs(identifier) if needed in tasks))
        return all(results) and await step(identifier)

    for identifier in order:
        tasks[identifier] = asyncio.create_task(node(identifier))
    await asyncio.gather(*tasks.values())


def install() -> None:
    """Tell MiniStack which types block."""
    stacks._runs_on_worker_thread = runs_on_worker_thread
