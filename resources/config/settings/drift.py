"""What an environment says about drift: when it is looked for without anybody asking, how long that
may take, what is set aside, and whether it is repaired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field

from resources.config.field_types import Duration, Model, duration_seconds
from resources.config.ignored_findings import IgnoredFinding
from resources.config.problems import suggest_choices

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Each field's name, least and largest value, and the words that stand for values, the least first.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CRON = 'five fields (minute, hour, day, month, weekday), such as "0 * * * *" for every hour'


def _cron(value: str) -> str:
    parts = value.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f'"{value}" has {len(parts)} fields; allowed: {_CRON}')
    fields = [
        {number for item in part.split(",") for number in _numbers(item, *field)}
        for part, field in zip(parts, _FIELDS, strict=True)
    ]
    # Dagster refuses these with a weekday, too, which alone would make them come.
    if all(min(fields[2]) > _LONGEST_MONTHS[month - 1] for month in fields[3]):
        raise ValueError(f'"{value}" never comes, as no such month has a day {min(fields[2])}; allowed: {_CRON}')
    return " ".join(parts)


def _numbers(item: str, name: str, least: int, largest: int, words: tuple[str, ...]) -> Iterator[int]:
    """The values that `*`, `5`, `1-5`, `*/15` or `0-30/10` stands for."""
    extent, slash, step = item.partition("/")
    first, dash, last = (f"{least}-{largest}" if extent == "*" else extent).partition("-")
    by_word = {word: least + index for index, word in enumerate(words)}
    try:
        start, width = _number(first, by_word), _number(step, {}) if slash else 1
        end = _number(last, by_word) if dash else start
        if not (least <= start <= end <= largest and 1 <= width <= largest) or (slash and not dash):
            raise ValueError(item)
    except ValueError:
        named = f" ({words[0]} to {words[-1]})" if words else ""
        allowed = f"*, {least} to {largest}{named}, ranges (1-5), steps (*/5), and lists of these by comma"
        raise ValueError(f'"{item}" is no {name}; allowed: {allowed}') from None
    return iter(range(start, end + 1, width))


def _number(text: str, by_word: dict[str, int]) -> int:
    if text.upper() in by_word:
        return by_word[text.upper()]
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError, ValueError):  # OSError: a folder of the database; ValueError: a path
        raise ValueError(f"{value} is not a time zone; {suggest_choices(value, available_timezones())}") from None
    return value


Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[
    str, Field(max_length=60, description="a time zone, such as Europe/Zurich"), AfterValidator(_timezone)
]


class Drift(Model):
    """How drift is looked for. `cron`: when that happens by itself, in `timezone` (of the IANA database); absent means
    never. `deadline`: what has not answered by then cannot be checked, whoever asked. `auto_repair`: whether what a
    drift run found is repaired without anybody asking; `settle`: never what changed less than that ago. `ignore`:
    findings that are set aside for a while."""

    cron: Cron | None = Field(default=None, description=_CRON)
    timezone: TimeZone = "UTC"
    deadline: Duration = "10m"
    auto_repair: bool = Field(default=False, strict=True)
    settle: Duration = "10m"
    ignore: tuple[IgnoredFinding, ...] = ()

    @property
    def deadline_seconds(self) -> int:
        """How long one detection may take, in seconds."""
        return duration_seconds(self.deadline)

    @property
    def settle_seconds(self) -> int:
        """How long ago a change has to be before it is repaired, in seconds."""
        return duration_seconds(self.settle)
