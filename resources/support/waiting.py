"""The one way to wait: a deadline, a poll interval, progress, and a reason on time-out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from resources.model.errors import WaitTimeout

T = TypeVar("T")


@dataclass(frozen=True)
class Look(Generic[T]):
    """One look: the value once it is there (None: not yet), and what was seen, in words."""

    value: T | None
    seen: str


def wait_until(
    look: Callable[[], Look[T]],
    *,
    what: str,
    deadline: float,
    interval: float,
    progress: Callable[[str], None] = lambda _: None,
    next_step: str = "",
) -> T:
    """Look every `interval` seconds until there is a value; returns it.

    The interval starts at a tenth and grows with the time spent, so short waits end promptly and long ones stay
    cheap. Raises WaitTimeout after `deadline` seconds, saying what was last seen. Signals interrupt the sleep.
    """
    began = time.monotonic()
    said = ""
    while True:
        found = look()
        if found.value is not None:
            return found.value
        spent = time.monotonic() - began
        if found.seen != said:
            progress(f"{what}: {found.seen}")
            said = found.seen
        if spent >= deadline:
            raise WaitTimeout(f"{what}: not done after {spent:.0f} s; last seen: {found.seen}", next_step=next_step)
        time.sleep(min(max(interval / 10, spent / 40), interval, max(deadline - spent, 0.01)))
