"""What a plan says about one unit: pure data and the diff that makes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from resources.outputs import Outputs, plain

Action = Literal["create", "update", "replace", "delete", "none"]


@dataclass(frozen=True)
class FieldChange:
    """One field: dotted `path`, values `before` and `after` (None: absent), and whether it replaces the resource."""

    path: str
    before: Any
    after: Any
    replaces: bool = False


@dataclass(frozen=True)
class Change:
    """What apply would do to one unit. `reason` says it in one line."""

    action: Action
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""

    @property
    def is_needed(self) -> bool:
        return self.action != "none"


@dataclass(frozen=True)
class Observed:
    """What exists, in the same terms as the spec. `outputs` is None while it is not complete enough to have any.
    `detail` is the driver's own (a stack id, a release revision), never a secret."""

    status: str
    desired: Mapping[str, Any] = field(default_factory=dict)
    outputs: Outputs | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


NOTHING_TO_DO = Change("none", reason="nothing to do")


def _leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, Mapping) and document:
        for key in sorted(document):
            name = f'["{key}"]' if "." in key else key
            yield from _leaves(document[key], f"{path}.{name}" if path else name)
    elif isinstance(document, list) and document:
        for index, item in enumerate(document):
            yield from _leaves(item, f"{path}[{index}]")
    elif path or document not in ({}, []):  # an empty document has no leaf
        yield path, document


def diff(before: Any, after: Any) -> tuple[FieldChange, ...]:
    """The leaves that differ between two JSON documents, in path order."""
    old, new = dict(_leaves(plain(before))), dict(_leaves(plain(after)))
    return tuple(
        FieldChange(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def subset_diff(live: Any, wanted: Any, path: str = "") -> tuple[FieldChange, ...]:
    """Where `live` lacks or contradicts `wanted`; what `live` has beyond it (defaults, status) is not a difference.

    Lists of objects that have a `name` are matched by it, others by position and length.
    """
    wanted, live = plain(wanted), plain(live)
    if isinstance(wanted, dict) and isinstance(live, dict):
        return tuple(
            change
            for key, value in wanted.items()
            for change in subset_diff(live.get(key), value, f"{path}.{key}" if path else key)
            if not (value in (None, {}, []) and key not in live)
        )
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        by_name = {item.get("name"): item for item in live if isinstance(item, dict) and item.get("name")}
        pairs = (
            (by_name.get(item["name"]) if isinstance(item, dict) and item.get("name") in by_name else live[i], item)
            for i, item in enumerate(wanted)
        )
        return tuple(c for i, (have, want) in enumerate(pairs) for c in subset_diff(have, want, f"{path}[{i}]"))
    return () if live == wanted else (FieldChange(path, live, wanted),)
