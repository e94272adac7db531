"""Where what exists differs from what a template declares: pure. What is not declared is no difference."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from resources.drivers.stack.live.declared import UNKNOWN
from resources.model.change import FieldChange
from resources.model.drift import FindingKind

Found = tuple[FieldChange, FindingKind]


def declared_differences(declared: Any, live: Any, path: str = "") -> Iterator[Found]:
    """Fields with `before` as declared and `after` as it is. Lists are compared without their order."""
    declared, live = _plain(declared), _plain(live)
    if declared is UNKNOWN or _same(declared, live):
        return
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        for key, value in declared.items():
            where = f"{path}.{key}" if path else key
            if key in live:
                yield from declared_differences(value, live[key], where)
            elif value is not UNKNOWN and value not in ([], {}, ""):
                yield FieldChange(where, _shown(value), None), "missing"
    elif isinstance(declared, list) and isinstance(live, list):
        yield from _in_list(declared, live, path)
    else:
        yield FieldChange(path, _shown(declared), _shown(live)), "changed"


def _in_list(declared: list[Any], live: list[Any], path: str) -> Iterator[Found]:
    extra, missing = list(live), []
    for index, item in enumerate(declared):
        match = next((one for one in extra if item is not UNKNOWN and _same(item, one)), None)
        if match is None:
            missing.append((index, item))
        else:
            extra.remove(match)
    # Each value that cannot be told is one of those that are left.
    unknown = sum(item is UNKNOWN for _, item in missing)
    for index, item in missing:
        if item is not UNKNOWN:
            yield FieldChange(f"{path}.{index}", _shown(item), None), "missing"
    for item in extra[unknown:]:
        yield FieldChange(f"{path}.{live.index(item)}", None, _shown(item)), "extra"


def _same(declared: Any, live: Any) -> bool:
    declared, live = _plain(declared), _plain(live)
    if declared is UNKNOWN:
        return True
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return all(_same(value, live.get(key)) for key, value in declared.items())
    if isinstance(declared, list) and isinstance(live, list):
        return len(declared) == len(live) and not list(_in_list(declared, live, ""))
    if isinstance(declared, list) != isinstance(live, list):  # policies write one item either way
        return _same(*(value if isinstance(value, list) else [value] for value in (declared, live)))
    return _text(declared) == _text(live)


def _plain(value: Any) -> Any:
    """A mapping in place of its JSON text, and of a list of tags."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list) and value and all(isinstance(i, Mapping) and set(i) == {"Key", "Value"} for i in value):
        return {item["Key"]: item["Value"] for item in value}
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shown(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return repr(value) if value is UNKNOWN else value
