"""The times that `history --since` and `account-for --since` take."""

from __future__ import annotations

import datetime as dt

import pytest

from eks_assets.cli.since import parse_since
from resources.model.errors import ConfigError

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", NOW - dt.timedelta(minutes=90)),
        ("30d", NOW - dt.timedelta(days=30)),
        ("8w", NOW - dt.timedelta(weeks=8)),
        ("2026-11-01", dt.datetime(2026, 11, 1, tzinfo=dt.UTC)),
        ("2026-11-01T10:00+02:00", dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC)),
    ],
)
def test_since_is_a_time_or_how_long_ago(text: str, expected: dt.datetime) -> None:
    """In UTC, unless it says otherwise."""
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0d",
        "-3d",
        "99999d",
        "30",
        "7y",
        "yesterday",
        "2026-12-01",
        "9999-12-31T23:59:59-14:00",
        "2026-13-01",
        "1d2h",
    ],
)
def test_since_that_is_no_time_is_refused(text: str) -> None:
    """Whatever it is, it is bad input, and the error says which times there are."""
    with pytest.raises(ConfigError) as caught:
        parse_since(text, NOW)
    assert caught.value.exit_code == 2
    assert caught.value.next_step
