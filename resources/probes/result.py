"""What one look at a health check gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resources.context import Context
from resources.kubernetes.objects import condition


@dataclass(frozen=True)
class Seen:
    """One look at a check. `detail` says what was seen, in one line; `since` (UTC, RFC 3339) since when it has been so,
    empty where nobody keeps that."""

    passed: bool
    detail: str
    since: str = ""


Probe = Callable[[Any, Any, Context], Seen]


def since(objects: Iterable[Mapping[str, Any]], kind: str) -> str:
    """When the last of the objects came to its condition of that type; empty where none has one."""
    times = [(condition(obj, kind) or {}).get("lastTransitionTime") for obj in objects]
    return max((str(time) for time in times if time), default="")
