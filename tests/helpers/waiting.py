"""Waiting in tests for what another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(what: str, condition: Callable[[], bool], seconds: float = 20) -> float:
    """Wait until the condition holds; the seconds that it took. Fails with `what` after `seconds`."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - begun
