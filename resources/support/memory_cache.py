"""Values that threads share in memory, each under a typed key."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class CacheKey(Generic[T]):
    """What one kind of value is cached under; declared once, beside the function that fills it. Two keys are never
    the same, whatever their names: the name is for people."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"CacheKey({self.name!r})"


@dataclass
class _Slot:
    value: Any = None
    is_filled: bool = False
    lock: RLock = field(default_factory=RLock)


class MemoryCache:
    """Values by key, and under one key by `item` where there are several (a release, a kind of object). Safe to share
    between threads; its repr shows no value."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._slots: dict[CacheKey[Any], dict[Hashable, _Slot]] = {}

    def get(self, key: CacheKey[T], make: Callable[[], T], *, item: Hashable = None) -> T:
        """The cached value, made on first use. While it is made, only threads that want the same item wait. Raises
        what `make` raises, and calls it again next time."""
        with self._lock:
            slot = self._slots.setdefault(key, {}).setdefault(item, _Slot())
        with slot.lock:
            if not slot.is_filled:
                slot.value, slot.is_filled = make(), True
            value: T = slot.value
            return value

    def peek(self, key: CacheKey[T], *, item: Hashable = None) -> T | None:
        """The value if it is cached; it is not made."""
        with self._lock:
            slot = self._slots.get(key, {}).get(item)
        return slot.value if slot is not None and slot.is_filled else None

    def invalidate(self, key: CacheKey[Any]) -> None:
        """Drop all values of that key: something has changed them."""
        with self._lock:
            self._slots.pop(key, None)

    def clear(self) -> None:
        """Drop every value."""
        with self._lock:
            self._slots.clear()
