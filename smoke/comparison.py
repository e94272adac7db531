"""What two answers to one call differ in, whatever names were chosen for what it made. Pure.

Identifiers differ from account to account: where two texts are the same but for them, the recorded ones are bound to
the live ones, and later requests name the live ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_IDENTIFIER = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::\d+)?"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\b[a-z]{1,10}-[0-9a-f]{8,17}\b"
    r"|\b(?:AROA|AIDA|ANPA|AIPA|APKA)[A-Z0-9]{6,}"
    r"|\bZ[A-Z0-9]{10,31}\b"
    r"|\b[0-9A-F]{32}\b"
    r"|(?<=-)[A-Za-z0-9]{12,14}\b"
    r"|(?<=-)[A-Za-z0-9]{6}\b(?=$|\")"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b(?![/.\d])"
    r"|\b[0-9a-f]{40,64}\b"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.:+Z-]*|\(time\)|\b1[6-9]\d{8}(?:\.\d+)?\b|\b1[6-9]\d{11}\b")
# Chosen anew in each answer.
_IGNORED = frozenset(
    [
        "NextToken",
        "nextToken",
        "PaginationToken",
        "EventId",
        "ClientRequestToken",
        "clientRequestToken",
        "ETag",
        "VersionId",
        "RequestId",
        "ContentLength",
        "Fingerprint",
        "OperationId",
        "VersionIdMarker",
        "NextMarker",
        "Marker",
        "LastModified",
    ]
)
# What happened in which order differs from day to day; that it happened does not.
_HISTORIES = {"StackEvents": ("LogicalResourceId", "ResourceType", "ResourceStatus"), "OperationEvents": ()}


class Bindings:
    """The live identifier by the recorded one."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}

    def bind(self, recorded: str, live: str) -> None:
        """From two texts that are the same but for identifiers."""
        for old, new in zip(_IDENTIFIER.findall(recorded), _IDENTIFIER.findall(live), strict=False):
            if old != new:
                self._live.setdefault(old, new)

    def translate(self, value: Any) -> Any:
        """A recorded request with live identifiers."""
        if isinstance(value, dict):
            return {key: self.translate(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        if isinstance(value, str):
            return _IDENTIFIER.sub(lambda match: self._live.get(match[0], match[0]), value)
        return value


def skeleton(text: str) -> str:
    """The text without identifiers and times."""
    return _IDENTIFIER.sub("(id)", _TIME.sub("(time)", text))


def differences(recorded: Any, live: Any, bindings: Bindings, path: str = "") -> Iterator[str]:
    """A line for each path at which the answers differ; binds identifiers on the way."""
    if isinstance(recorded, dict) and isinstance(live, dict):
        for key in sorted((recorded.keys() | live.keys()) - _IGNORED):
            where = f"{path}.{key}" if path else key
            if key not in live:
                yield f"{where}: recorded, and not answered"
            elif key not in recorded:
                yield f"{where}: answered, and not recorded"
            elif key in _HISTORIES:
                yield from _history(recorded[key], live[key], _HISTORIES[key], where)
            else:
                yield from differences(recorded[key], live[key], bindings, where)
    elif isinstance(recorded, list) and isinstance(live, list):
        if len(recorded) != len(live):
            yield f"{path}: {len(recorded)} recorded, {len(live)} answered"
        for index, (old, new) in enumerate(zip(sorted(recorded, key=_order), sorted(live, key=_order), strict=False)):
            yield from differences(old, new, bindings, f"{path}[{index}]")
    elif isinstance(recorded, str) and isinstance(live, str) and skeleton(recorded) == skeleton(live):
        bindings.bind(recorded, live)
    elif recorded != live:
        yield f"{path}: recorded {_short(recorded)}, answered {_short(live)}"


def _history(recorded: list[Any], live: list[Any], members: tuple[str, ...], path: str) -> Iterator[str]:
    before = {tuple(str(event.get(member)) for member in members) for event in recorded}
    after = {tuple(str(event.get(member)) for member in members) for event in live}
    yield from (f"{path}: recorded, and not answered: {' '.join(event)}" for event in sorted(before - after))
    yield from (f"{path}: answered, and not recorded: {' '.join(event)}" for event in sorted(after - before))


def _order(value: Any) -> str:
    return skeleton(json.dumps(value, sort_keys=True))


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 200 else f"{text[:200]}…"
