"""Values that threads of one plan share."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from resources.model.errors import Transient
from resources.support.memory_cache import CacheKey, MemoryCache

NUMBER: CacheKey[int] = CacheKey("number")
WORD: CacheKey[str] = CacheKey("word")


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


def test_cache_makes_value_once_for_all_threads(cache: MemoryCache) -> None:
    """Threads that ask at once share one call."""
    calls: list[int] = []

    def make() -> int:
        calls.append(1)
        return 1

    threads = [Thread(target=cache.get, args=(NUMBER, make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert calls == [1]


@pytest.mark.parametrize(("one", "other"), [("a", "b"), (None, "a")])
def test_cache_makes_different_items_at_the_same_time(cache: MemoryCache, one: str | None, other: str | None) -> None:
    """Different items of a key do not wait for each other."""
    both = Barrier(2, timeout=5)  # is passed only by two makers that run at once
    thread = Thread(target=lambda: cache.get(NUMBER, both.wait, item=one))
    thread.start()
    assert cache.get(NUMBER, both.wait, item=other) in (0, 1)
    thread.join(5)


def test_cache_keeps_keys_of_the_same_name_apart(cache: MemoryCache) -> None:
    """A key is an object; its name is for people."""
    same_name: CacheKey[str] = CacheKey("word")
    assert cache.get(WORD, lambda: "one") == "one"
    assert cache.get(same_name, lambda: "two") == "two"


def test_cache_makes_value_again_after_failure(cache: MemoryCache) -> None:
    """A failure is not cached."""

    def fail() -> str:
        raise Transient("not now")

    with pytest.raises(Transient):
        cache.get(WORD, fail)
    assert cache.get(WORD, lambda: "made") == "made"


def test_cache_keeps_none_as_a_value(cache: MemoryCache) -> None:
    """None is a value like others."""
    maybe: CacheKey[str | None] = CacheKey("maybe")
    assert cache.get(maybe, lambda: None) is None
    assert cache.get(maybe, lambda: "late") is None


def test_invalidate_drops_all_items_of_its_key_alone(cache: MemoryCache) -> None:
    """Values of other keys stay."""
    for item in ("a", "b"):
        cache.get(WORD, lambda: "old", item=item)
    cache.get(NUMBER, lambda: 1)
    cache.invalidate(WORD)
    assert [cache.get(WORD, lambda: "new", item=item) for item in ("a", "b")] == ["new", "new"]
    assert cache.get(NUMBER, lambda: 2) == 1


def test_clear_drops_values_of_every_key(cache: MemoryCache) -> None:
    """After `clear` every value is computed again."""
    cache.get(WORD, lambda: "old")
    cache.get(NUMBER, lambda: 1)
    cache.clear()
    assert (cache.get(WORD, lambda: "new"), cache.get(NUMBER, lambda: 2)) == ("new", 2)


def test_cache_repr_shows_no_value(cache: MemoryCache) -> None:
    """Cached values may be secrets."""
    cache.get(WORD, lambda: "a-secret")
    assert "a-secret" not in repr(cache)
