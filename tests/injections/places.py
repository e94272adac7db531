"""Where an object was changed, and whether a finding is about that place: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from resources.model.change import is_within

_INDEX = re.compile(r"\[[^\]]*\]")
_METADATA = ("labels", "annotations", "finalizers")


def changed_places(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """The paths at which two objects differ, lists as a whole; of the metadata what an author decides."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if (path == "metadata" and key not in _METADATA) or (not path and key == "status"):
                continue
            where = f"{path}.{key}" if path else key
            if key in before and key in after:
                yield from changed_places(before[key], after[key], where)
            else:
                yield where
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from changed_places(one, other, path)
    elif before != after:
        yield path


def is_about(found: str, places: Iterable[str]) -> bool:
    """Whether the path of a finding is one of the places, lies in one, or has one in it; wherever in its list."""
    where = _INDEX.sub("", found)
    return any(is_within(where, place) or is_within(place, where) for place in places)


def as_path(pointer: str) -> str:
    """A JSON Pointer without positions in lists, as a path."""
    return ".".join(part for part in pointer.split("/")[1:] if not part.isdigit())
