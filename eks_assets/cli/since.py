"""The times that `--since` takes."""

from __future__ import annotations

import datetime as dt
import re

from resources.model.errors import ConfigError

_AGO = re.compile(r"([1-9]\d{0,3})([mhdw])")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}


def parse_since(text: str, now: dt.datetime) -> dt.datetime:
    """The time that `--since` names. Raises ConfigError for none, and for one to come."""
    if match := _AGO.fullmatch(text):
        return now - dt.timedelta(minutes=int(match[1]) * _MINUTES[match[2]])
    try:
        time = dt.datetime.fromisoformat(text)
        time = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--since {text!a} is no time",
            next_step="write how long ago, such as 90m, 12h, 30d or 8w, or a date or time such as 2026-11-29 or "
            "2026-11-29T10:00",
        ) from None
    if time > now:
        raise ConfigError(f"--since {text!a} is still to come", next_step="write a time that has been")
    return time
