"""The times that `account-for --since` takes."""

from __future__ import annotations

import datetime as dt

import pytest

from eks_assets.cli.commands.account_for import parse_since
from resources.model.errors import ConfigError

NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOW - dt.timedelta(minutes=30)),
        ("7d", NOW - dt.timedelta(days=7)),
        ("2026-11-30", NOW.replace(hour=0)),
        ("2026-11-30T13:00+02:00", NOW.replace(hour=11)),
    ],
)
def test_times(text: str, expected: dt.datetime) -> None:
    """Ago, or a day or time, in UTC where it names no zone."""
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize("text", ["yesterday", "7y", "2026-12-01"])
def test_what_is_no_time_is_bad_input(text: str) -> None:
    """The error says which times there are."""
    with pytest.raises(ConfigError) as caught:
        parse_since(text, NOW)
    assert caught.value.exit_code == 2
