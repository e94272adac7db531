"""The one way to wait."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from resources.model.errors import WaitTimeout
from resources.support.polling import Poll, wait_until


def polls(*details: str, value: str | None = None) -> Iterator[Poll[str]]:
    """Polls with these details, then the value (or the last detail for ever)."""
    yield from (Poll[str](None, detail) for detail in details)
    while True:
        yield Poll(value, details[-1] if value is None else "done")


def test_wait_until_returns_at_once_what_exists() -> None:
    """A value that exists is returned by the first poll."""
    began = time.monotonic()
    assert wait_until(lambda: Poll("here", "done"), what="x", deadline=60, interval=30) == "here"
    assert time.monotonic() - began < 1


def test_wait_until_returns_value_as_soon_as_it_exists() -> None:
    """The first polls come quickly, so that short waits end early."""
    answers = polls("CREATING", "CREATING", value="ACTIVE")
    began = time.monotonic()
    # The first polls come after a tenth of the interval.
    assert wait_until(lambda: next(answers), what="cluster", deadline=60, interval=1) == "ACTIVE"
    assert time.monotonic() - began < 1


def test_wait_until_times_out_with_last_detail_and_next_step() -> None:
    """The error has the last detail and the caller's next step."""
    answers = polls("CREATING", "2 of 3 ready")
    with pytest.raises(WaitTimeout, match=r"nodes: not done after 0 s; last seen: 2 of 3 ready") as error:
        wait_until(lambda: next(answers), what="nodes", deadline=0.1, interval=0.02, next_step="look at the nodes")
    assert error.value.next_step == "look at the nodes"


def test_wait_until_keeps_deadline_and_polls_once() -> None:
    """It polls at once and a last time at the deadline."""
    taken: list[float] = []

    def poll() -> Poll[str]:
        taken.append(time.monotonic())
        return Poll(None, "no")

    began = time.monotonic()
    with pytest.raises(WaitTimeout):
        wait_until(poll, what="x", deadline=0.2, interval=60)
    assert 0.2 <= time.monotonic() - began < 2
    assert len(taken) == 2, "at once, and a last time at the deadline"
    taken.clear()
    with pytest.raises(WaitTimeout):
        wait_until(poll, what="x", deadline=0, interval=60)
    assert len(taken) == 1


def test_wait_until_reports_unchanged_detail_once() -> None:
    """Progress is reported when the detail changes."""
    answers, reported = polls("CREATING", "CREATING", "UPDATING", "UPDATING", value="ACTIVE"), list[str]()
    wait_until(lambda: next(answers), what="cluster", deadline=10, interval=0.01, progress=reported.append)
    assert reported == ["cluster: CREATING", "cluster: UPDATING"]


def test_wait_until_raises_error_of_poll() -> None:
    """Errors of the poll are not caught."""

    def poll() -> Poll[str]:
        raise PermissionError("denied")

    with pytest.raises(PermissionError):
        wait_until(poll, what="x", deadline=60, interval=1)
