"""A recorded transcript as the calls that are worth replaying. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_READS = ("Describe", "Get", "List", "Head", "Lookup", "Batch", "Simulate")
# A state that passes: what is read of it says only when it was read.
_PASSING = ("_IN_PROGRESS", "CREATING", "UPDATING", "DELETING", "PENDING", "REVIEW_IN_PROGRESS", "CREATE_PENDING")


@dataclass(frozen=True)
class Call:
    """One call, and what AWS answered: `response`, or `error` with its code and message. `number`: its line."""

    number: int
    service: str
    operation: str
    request: dict[str, Any]
    response: Any = None
    error: Any = None

    @property
    def is_read(self) -> bool:
        return self.operation.startswith(_READS)

    @property
    def is_settled(self) -> bool:
        """Whether nothing that was answered is under way."""
        return not any(text.endswith(_PASSING) for text in _texts(self.response))

    @property
    def title(self) -> str:
        return f"line {self.number}: {self.service} {self.operation}"


def read_transcript(file: Path) -> list[Call]:
    """The calls in order. Raises ValueError for a line that is no call."""
    calls = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        fields = json.loads(line)
        if not isinstance(fields, dict) or not {"service", "operation", "request"} <= fields.keys():
            raise ValueError(f"{file}:{number} is not a call; record the transcript anew")
        calls.append(Call(number, **fields))
    return calls


def without_polls(calls: Iterable[Call]) -> list[Call]:
    """Of what was asked again and again, the last answer before something was changed."""
    kept: list[Call] = []
    seen: dict[str, int] = {}
    for call in calls:
        if not call.is_read:
            seen.clear()
            kept.append(call)
            continue
        key = json.dumps([call.service, call.operation, call.request], sort_keys=True)
        if key in seen:
            kept[seen[key]] = call
        else:
            seen[key] = len(kept)
            kept.append(call)
    return kept


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for member in value.values() for text in _texts(member)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
