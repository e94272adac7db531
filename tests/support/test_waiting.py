"""The one way to wait."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from resources.model.errors import WaitTimeout
from resources.support.waiting import Look, wait_until


def looks(*seen: str, value: str | None = None) -> Iterator[Look[str]]:
    """Looks that see these words, then the value (or the last words for ever)."""
    yield from (Look[str](None, words) for words in seen)
    while True:
        yield Look(value, seen[-1] if value is None else "done")


def test_what_is_there_at_once_is_returned_without_waiting() -> None:
    began = time.monotonic()
    assert wait_until(lambda: Look("here", "done"), what="x", deadline=60, interval=30) == "here"
    assert time.monotonic() - began < 1


def test_a_value_is_returned_as_soon_as_it_is_seen() -> None:
    found = looks("CREATING", "CREATING", value="ACTIVE")
    began = time.monotonic()
    # The first looks come after a tenth of the interval.
    assert wait_until(lambda: next(found), what="cluster", deadline=60, interval=1) == "ACTIVE"
    assert time.monotonic() - began < 1


def test_a_wait_that_ends_in_vain_says_what_was_last_seen_and_what_to_do() -> None:
    found = looks("CREATING", "2 of 3 ready")
    with pytest.raises(WaitTimeout, match=r"nodes: not done after 0 s; last seen: 2 of 3 ready") as error:
        wait_until(lambda: next(found), what="nodes", deadline=0.1, interval=0.02, next_step="look at the nodes")
    assert error.value.next_step == "look at the nodes"


def test_the_deadline_is_kept_and_one_look_is_always_taken() -> None:
    taken: list[float] = []

    def look() -> Look[str]:
        taken.append(time.monotonic())
        return Look(None, "no")

    began = time.monotonic()
    with pytest.raises(WaitTimeout):
        wait_until(look, what="x", deadline=0.2, interval=60)
    assert 0.2 <= time.monotonic() - began < 2
    assert len(taken) == 2, "at once, and a last time at the deadline"
    taken.clear()
    with pytest.raises(WaitTimeout):
        wait_until(look, what="x", deadline=0, interval=60)
    assert len(taken) == 1


def test_progress_is_said_once_for_what_does_not_change() -> None:
    found, said = looks("CREATING", "CREATING", "UPDATING", "UPDATING", value="ACTIVE"), list[str]()
    wait_until(lambda: next(found), what="cluster", deadline=10, interval=0.01, progress=said.append)
    assert said == ["cluster: CREATING", "cluster: UPDATING"]


def test_an_error_while_looking_ends_the_wait() -> None:
    def look() -> Look[str]:
        raise PermissionError("denied")

    with pytest.raises(PermissionError):
        wait_until(look, what="x", deadline=60, interval=1)
