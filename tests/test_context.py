"""What the context of an environment shows."""

from __future__ import annotations

from typing import cast

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.support.memory_cache import CacheKey

WORD: CacheKey[str] = CacheKey("word")


def test_context_repr_shows_no_cached_value(sandbox_env: Environment) -> None:
    """Cached values may be secrets."""
    context = Context(sandbox_env, cast(Aws, None))
    context.cache.get(WORD, lambda: "a-secret")
    assert "a-secret" not in repr(context)
