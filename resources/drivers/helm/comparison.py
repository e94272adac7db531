"""What two renderings of a chart have in common: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from resources.drivers.helm.drift import title_of
from resources.kubernetes.live_diff import as_stored
from resources.kubernetes.objects import Object
from resources.model.change import is_within
from resources.model.digests import digest_of

_SAFE_INTEGER = 2**53 - 1


@dataclass(frozen=True)
class Rendering:
    """The objects, hooks too, without what differs from one rendering to the next, whose paths are `volatile`.
    `shapes`: by title and path, what is the same of each of those, and types in place of what is not."""

    objects: tuple[Object, ...]
    volatile: tuple[str, ...]
    shapes: tuple[tuple[str, Any], ...] = field(default=(), compare=False, repr=False)

    @property
    def digest(self) -> str:
        """`sha256:...` of objects and shapes as RFC 8785 JSON."""
        return self.digest_with(lambda document: document)

    def digest_with(self, hide: Callable[[Any], Any]) -> str:
        """The digest over what `hide` leaves of objects and shapes."""
        shapes = [[path, _hashable(hide(shape))] for path, shape in self.shapes]
        return digest_of([*(_hashable(hide(obj)) for obj in self.objects), *([shapes] if shapes else [])])


def compare_renderings(first: Iterable[Object], second: Iterable[Object], namespace: str) -> Rendering:
    """What two renderings have in common, in the order of their titles, and the paths in which they differ."""
    one, two = (objects_by_title(objects, namespace) for objects in (first, second))
    objects, shapes = [], list[tuple[str, Any]]()
    volatile = [f"{name.rpartition('/')[0]}/*" for name in one.keys() ^ two.keys()]
    for name in sorted(one.keys() & two.keys()):
        differing: list[tuple[str, Any]] = []
        objects.append(_common(one[name], two[name], "", differing))
        shapes += [(f"{name}: {path}", shape) for path, shape in differing]
    volatile += [path for path, _ in shapes]
    # Objects whose names differ belong together in the order in which the chart makes them.
    alone = ([made[name] for name in made if name not in other] for made, other in ((one, two), (two, one)))
    shapes += [("*", shape_of(*pair)) for pair in zip_longest(*alone)]
    return Rendering(tuple(objects), tuple(sorted(set(volatile))), tuple(shapes))


def is_volatile(path: str, volatile: Iterable[str]) -> bool:
    """Whether the field, `Kind/namespace/name: path`, is one of those or lies below one."""
    return any(is_within(path, other) for other in volatile)


def objects_by_title(objects: Iterable[Object], namespace: str) -> dict[str, Object]:
    """By title, as they would be stored. A hook may have the title of another object, and so may an object of another
    API group."""
    titled: dict[str, Object] = {}
    numbers = Counter[str]()
    for obj in objects:
        title = title_of(obj, namespace)
        numbers[title] += 1
        titled[f"{title} ({numbers[title]})" if numbers[title] > 1 else title] = as_stored(obj)
    return titled


def shape_of(one: Any, two: Any) -> Any:
    """What two values have in common; the types in place of the rest."""
    if isinstance(one, dict) and isinstance(two, dict):
        return {key: shape_of(one.get(key), two.get(key)) for key in sorted(one.keys() | two.keys(), key=str)}
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [shape_of(a, b) for a, b in zip(one, two, strict=True)]
    if type(one) is type(two) and one == two:
        return one
    return {"types": sorted({_type_name(one), _type_name(two)})}


def _type_name(value: Any) -> str:
    names = {type(None): "absent", bool: "boolean", str: "text", int: "number", float: "number"}
    return names.get(type(value), type(value).__name__)


def _common(one: Any, two: Any, path: str, volatile: list[tuple[str, Any]]) -> Any:
    """The parts that are equal; a list in which a plain item differs is volatile as a whole. `volatile` gets the paths
    of the others, and their shapes."""
    if isinstance(one, dict) and isinstance(two, dict):
        same = {}
        for key in sorted(one.keys() | two.keys(), key=str):
            below = f"{path}.{key}" if path else str(key)
            if key in one and key in two and (one[key] == two[key] or _has_parts(one[key], two[key])):
                same[key] = _common(one[key], two[key], below, volatile)
            else:
                volatile.append((below, shape_of(one.get(key), two.get(key))))
        return same
    if isinstance(one, list) and isinstance(two, list):
        return [_common(a, b, f"{path}[{i}]", volatile) for i, (a, b) in enumerate(zip(one, two, strict=True))]
    return one


def _has_parts(one: Any, two: Any) -> bool:
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(a == b or _has_parts(a, b) for a, b in zip(one, two, strict=True))
    return isinstance(one, dict) and isinstance(two, dict)


def _hashable(value: Any) -> Any:
    """The value in JSON that RFC 8785 can write: it has no large integers."""
    if isinstance(value, dict):
        return {str(k): _hashable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_hashable(v) for v in value]
    large = isinstance(value, int) and abs(value) > _SAFE_INTEGER
    return str(value) if large or isinstance(value, bytes) else value
