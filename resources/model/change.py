"""What a plan says about one unit: pure data and the diff that makes it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from resources.model.outputs import Outputs, plain_document

Action = Literal["create", "update", "replace", "delete", "none"]
MASK = "(sensitive)"
_ITEM = re.compile(r"(.*)\[(\d+)\]")
_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")


@dataclass(frozen=True)
class FieldChange:
    """One field: dotted `path`, values `before` and `after` (None: absent), and whether it replaces the resource.
    `sensitive`: the values stand masked. `beside`: the `name` in the same mapping (of a variable, say), or the option
    before it in a list of arguments, which tells what the field holds although it does not differ itself. `hidden`: the
    two values under the masks, for a keyed hash of them and for nothing that anybody sees."""

    path: str
    before: Any
    after: Any
    replaces: bool = False
    sensitive: bool = False
    beside: str = field(default="", compare=False)
    hidden: tuple[Any, Any] | None = field(default=None, compare=False, repr=False)

    def masked(self) -> FieldChange:
        """The same field with a marker in place of its values."""
        before, after = (None if value is None else MASK for value in (self.before, self.after))
        hidden = self.hidden or (self.before, self.after)
        return replace(self, before=before, after=after, sensitive=True, hidden=hidden)


@dataclass(frozen=True)
class Change:
    """What apply would do to one unit. `reason` says it in one line.

    `facts`: what the plan's digest covers beside the fields (hashes of a chart, of what it renders). `volatile`: paths
    that differ each time they are rendered, left out of the comparison. `disrupts`: sentences on what restarts.
    `warnings`: what AWS warns of, in its words: nothing that an approval is of."""

    action: Action
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    volatile: tuple[str, ...] = ()
    disrupts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

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
    old, new = dict(_leaves(plain_document(before))), dict(_leaves(plain_document(after)))
    paths = [path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]
    fields = [FieldChange(path, old.get(path), new.get(path), beside=_sibling(path, new, old)) for path in paths]
    return tuple(f for f in fields if not _fills(f, paths))


def _sibling(path: str, *documents: Mapping[str, Any]) -> str:
    if item := _ITEM.fullmatch(path):
        before = f"{item[1]}[{int(item[2]) - 1}]"
        return next((option for leaves in documents if (option := option_of(leaves.get(before)))), "")
    name = f"{path.rpartition('.')[0]}.name"
    return next((str(leaves[name]) for leaves in documents if isinstance(leaves.get(name), str)), "")


def is_within(path: str, above: str) -> bool:
    """Whether a dotted path is the other one, or lies below it."""
    return path == above or path.startswith((f"{above}.", f"{above}["))


def _fills(change: FieldChange, paths: Iterable[str]) -> bool:
    """Whether it is a list or mapping that is empty on one side only: its content says as much."""
    is_empty = change.before in ({}, []) or change.after in ({}, [])
    return is_empty and any(path != change.path and is_within(path, change.path) for path in paths)


def subset_diff(live: Any, wanted: Any, path: str = "") -> tuple[FieldChange, ...]:
    """Where `live` lacks or contradicts `wanted`; what `live` has beyond it (defaults, status) is not a difference.

    Lists of objects that have a `name` of their own are matched by it, others by position and length.
    """
    return tuple(_subset(plain_document(live), plain_document(wanted), path))


def _subset(live: Any, wanted: Any, path: str, beside: str = "") -> Iterator[FieldChange]:
    if isinstance(wanted, dict) and isinstance(live, dict):
        beside = name_of(wanted) or name_of(live)
        for key, value in wanted.items():
            if key in live or value not in (None, {}, []):
                yield from _subset(live.get(key), value, f"{path}.{key}" if path else key, beside)
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        names = Counter(name_of(item) for item in live)
        by_name = {name_of(item): item for item in live if names[name_of(item)] == 1}
        for i, item in enumerate(wanted):
            have = by_name.get(name_of(item), live[i]) if name_of(item) else live[i]
            yield from _subset(have, item, f"{path}[{i}]", option_of(wanted[i - 1]) if i else beside)
    elif live != wanted:
        yield FieldChange(path, live, wanted, beside=beside)


def option_of(item: Any) -> str:
    """The item where it is an option of a command whose value comes next, such as `--password`; else empty."""
    return item if isinstance(item, str) and _OPTION.fullmatch(item) else ""


def name_of(item: Any) -> str:
    """The `name` of a mapping that has one; else empty."""
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""
