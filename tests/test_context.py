"""What threads of one plan share."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import cast

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import Transient


@pytest.fixture
def context(sandbox_env: Environment) -> Context:
    return Context(sandbox_env, cast(Aws, None))


def test_a_value_is_made_once(context: Context) -> None:
    made: list[int] = []
    threads = [Thread(target=context.once, args=("key", lambda: made.append(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert made == [1]


def test_values_of_different_keys_are_made_at_the_same_time(context: Context) -> None:
    both = Barrier(2, timeout=5)  # is passed only by two makers that run at once
    other = Thread(target=context.once, args=("one", both.wait))
    other.start()
    assert context.once("two", both.wait) in (0, 1)
    other.join(5)


def test_a_value_that_could_not_be_made_is_tried_again(context: Context) -> None:
    def fail() -> None:
        raise Transient("not now")

    with pytest.raises(Transient):
        context.once("key", fail)
    assert context.once("key", lambda: "made") == "made"


def test_a_forgotten_value_is_made_again(context: Context) -> None:
    assert context.once("key", lambda: "old") == "old"
    context.forget("key")
    assert context.once("key", lambda: "new") == "new"


def test_what_is_shared_is_not_shown(context: Context) -> None:
    context.once("credentials", lambda: "a-secret")
    assert "a-secret" not in repr(context)
