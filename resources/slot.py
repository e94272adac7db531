"""A value made once and shared by threads, which holds up only those that want this value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Slot(Generic[T]):
    """Keep one in `World.once` where making the value takes a network: its own lock is held meanwhile, not the
    World's. A value that could not be made is tried again."""

    value: T | None = None
    lock: Lock = field(default_factory=Lock)

    def get(self, make: Callable[[], T]) -> T:
        """The value, made at the first call."""
        with self.lock:
            if self.value is None:
                self.value = make()
            return self.value
