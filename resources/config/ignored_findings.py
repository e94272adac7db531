"""The findings of drift detection that an environment's file sets aside, and how one is added to the file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from resources.config.field_types import Model
from resources.config.yaml_edit import with_item
from resources.model.errors import ConfigError
from resources.support.files import replace_text

_DAY = "a day, such as 2026-12-31"
_REASON = "why, in one line of at most 300 characters"
_LINE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*"
_ID = "the id of a finding, as drift shows it: 12 of 0-9 and a-f, in quotes"


def _day(value: str) -> str:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is no day; allowed: {_DAY}") from None
    return value


class IgnoredFinding(Model):
    """A finding that is set aside until the end of a day (UTC), and why. Afterwards it is a finding again."""

    finding: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$", description=_ID)]
    reason: Annotated[
        str, Field(pattern=rf"^{_LINE}[^\s\x00-\x1f\x7f-\x9f]{_LINE}$", max_length=300, description=_REASON)
    ]
    until: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description=_DAY), AfterValidator(_day)]


def ignore_finding(finding: str, reason: str, until: str) -> IgnoredFinding:
    """An entry as a person asks for it. Raises ConfigError for a day that is over, and for what no file may say."""
    try:
        entry = IgnoredFinding(finding=finding, reason=reason, until=until)
    except ValidationError as error:
        allowed = {"finding": _ID, "reason": _REASON, "until": _DAY}
        fields = sorted({str(detail["loc"][0]) for detail in error.errors(include_url=False)})
        raise ConfigError("; ".join(f"{field}: allowed is {allowed[field]}" for field in fields)) from None
    if entry.until < dt.datetime.now(dt.UTC).date().isoformat():
        raise ConfigError(f"until: {entry.until} is over; allowed: today (UTC) or a later day")
    return entry


def add_to_file(entry: IgnoredFinding, file: Path) -> None:
    """Write the entry under `drift.ignore` of the environment's file, all else of which stays as it is, comments too.

    Raises ConfigError where the file leaves no safe place for it, or cannot be written; nothing is changed then."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            text = opened.read()
        replace_text(file.resolve(), with_item(text, ("drift", "ignore"), entry.model_dump()))
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from None
