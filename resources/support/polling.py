"""The one way to wait: a deadline, a poll interval, progress, and a reason on time-out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from resources.model.errors import WaitTimeout

T = TypeVar("T")
# What AWS has made is seen everywhere some seconds later; whoever does not see it yet looks again for so long.
LATE = 30.0


@dataclass(frozen=True)
class Poll(Generic[T]):
    """The answer of one poll: the value once it exists (None: not yet), and the state of things in words."""

    value: T | None
    detail: str


def wait_until(
    poll: Callable[[], Poll[T]],
    *,
    what: str,
    deadline: float,
    interval: float,
    progress: Callable[[str], None] = lambda _: None,
    next_step: str = "",
) -> T:
    """Poll every `interval` seconds until there is a value; returns it.

    The interval starts at a tenth and grows with the time spent, so short waits end promptly and long ones stay
    cheap. Raises WaitTimeout after `deadline` seconds, with the last poll's detail. Signals interrupt the sleep.
    """
    began = time.monotonic()
    reported = ""
    while True:
        answer = poll()
        if answer.value is not None:
            return answer.value
        spent = time.monotonic() - began
        if answer.detail != reported:
            progress(f"{what}: {answer.detail}")
            reported = answer.detail
        if spent >= deadline:
            raise WaitTimeout(f"{what}: not done after {spent:.0f} s; last seen: {answer.detail}", next_step=next_step)
        time.sleep(min(max(interval / 10, spent / 40), interval, max(deadline - spent, 0.01)))
