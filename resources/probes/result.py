"""The result of a health check, and what a probe is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resources.context import Context
from resources.kubernetes.objects import find_condition


@dataclass(frozen=True)
class CheckResult:
    """The result of one probe. `detail`: what the probe saw, in one line. `since`: when this result began (UTC,
    RFC 3339), empty where neither AWS nor the cluster records it. `is_final`: it did not pass, and waiting would not
    change that."""

    passed: bool
    detail: str
    since: str = ""
    is_final: bool = False


# Takes the check, the spec of its unit and the context; raises PipelineError where something cannot be read.
Probe = Callable[[Any, Any, Context], CheckResult]


def last_transition(objects: Iterable[Mapping[str, Any]], kind: str) -> str:
    """When the condition of that type last changed on any of the objects (UTC, RFC 3339); empty where none has it."""
    times = [(find_condition(obj, kind) or {}).get("lastTransitionTime") for obj in objects]
    return max((str(time) for time in times if time), default="")
