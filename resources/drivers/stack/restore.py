"""Putting back what drifted: what a plan says of it, and what a deploy does about what stays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.stack.comparison import ComparedStack, Comparison, Difference
from resources.drivers.stack.drift import compare_stack, forget_comparisons, is_version
from resources.model.change import Observed
from resources.model.drift import Finding
from resources.model.errors import OperationFailed, Refused
from resources.model.reach import is_reach_of_property
from resources.model.specs import Stack
from resources.support.memory_cache import CacheKey

_COMPARED: CacheKey[ComparedStack] = CacheKey("stack compared with its own template")
_SHOWN = 5


def compared_stack(
    spec: Stack[Any], observed: Observed, context: Context, is_ignored: Callable[[Finding], bool]
) -> ComparedStack:
    """The observed stack with its comparison, kept in the context for the change that follows from it. What a deploy
    could not put back starts and fails none while it is ignored."""

    def compare() -> ComparedStack:
        comparison = compare_stack(spec.name, context) or Comparison()
        aside = frozenset(d.place for d in comparison.differences if d.by_hand and is_ignored(d.finding))
        kept = replace(comparison, differences=tuple(d for d in comparison.differences if d.place not in aside))
        return ComparedStack(observed.status, observed.desired, observed.outputs, observed.detail, kept, aside)

    return context.cache.get(_COMPARED, compare, item=spec.name)


def planned_stack(spec: Stack[Any], context: Context) -> ComparedStack | None:
    """What the plan of this context has compared; None where there was none: then nothing is put back."""
    return context.cache.peek(_COMPARED, item=spec.name)


def forget_comparison(context: Context) -> None:
    """To be called when the stack has changed."""
    context.cache.invalidate(_COMPARED)
    forget_comparisons(context)


def drift_to_restore(observed: Observed, wanted: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What drifted, beside what an update to `wanted` changes anyway. Where CloudFormation puts any of it back, what
    known writers wrote is among it, since it puts the whole stack back."""
    if not isinstance(observed, ComparedStack):
        return ()
    live, after = observed.desired["template"], wanted["template"]
    comparison = observed.comparison
    differences = comparison.differences if comparison.reverts else comparison.drifted
    return tuple(d for d in differences if not _is_changed(d, live, after))


def _is_changed(difference: Difference, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the template's own change says what becomes of it."""
    before, after = (template.get("Resources", {}).get(difference.logical_id) for template in (live, wanted))
    if before is None or after is None:
        return True
    top = difference.top
    return bool(top) and before.get("Properties", {}).get(top) != after.get("Properties", {}).get(top)


def moved_already(observed: ComparedStack, wanted: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Logical id and property of each version that somebody has moved to where the template now wants it."""
    resources = wanted["template"].get("Resources", {})
    return frozenset(
        (d.logical_id, d.top)
        for d in observed.comparison.differences
        if is_version(d) and resources.get(d.logical_id, {}).get("Properties", {}).get(d.top) == d.finding.field.after
    )


def list_by_hand(differences: tuple[Difference, ...]) -> Iterator[str]:
    """What a deploy cannot put back, a sentence each with what to do instead."""
    for difference in differences:
        if is_version(difference):
            version = difference.finding.field.after
            yield f"{difference.place}: EKS takes no version back; set {version} in the environment's files"
        elif difference.by_hand:
            yield f"{difference.place}: CloudFormation does not put it back; {difference.by_hand}"


def list_restored_reach(differences: tuple[Difference, ...]) -> tuple[str, ...]:
    """The parts that putting it back touches and that grant somebody something."""
    parts = (d for d in differences if is_reach_of_property(d.kind, d.finding.field.path))
    return tuple(dict.fromkeys(f"{d.logical_id} ({d.kind}): {d.top or 'Type'}" for d in parts))


def refuse_versions(spec: Stack[Any], differences: tuple[Difference, ...]) -> None:
    """Raises Refused where putting it back would take a Kubernetes version back."""
    if moved := tuple(d for d in differences if is_version(d)):
        raise Refused(
            f"stack {spec.name} was not changed: {'; '.join(d.place for d in moved)}: EKS takes no version back",
            next_step="; ".join(list_by_hand(moved)),
        )


def refuse_leftovers(spec: Stack[Any], ignored: Collection[str], context: Context) -> None:
    """Raises OperationFailed where the stack still differs from its template after it was put back, but for places that
    are `ignored`."""
    comparison = compare_stack(spec.name, context) or Comparison()
    left = tuple(difference for difference in comparison.drifted if difference.place not in ignored)
    if not left:
        return
    places = [difference.place for difference in left]
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    raise OperationFailed(
        f"stack {spec.name} was put back, and still differs from its template: {'; '.join(places[:_SHOWN])}{more}",
        next_step="; ".join(list_by_hand(left))
        or "put it back by hand, or set in the environment's files what is there",
    )
