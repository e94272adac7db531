"""Work in the background that does not keep a process alive: interrupted, it ends at once, whatever still waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T], name: str) -> Future[T]:
    """Start the work in a daemon thread of that name; the threads of a ThreadPoolExecutor are waited for at exit, and
    an address that does not answer takes minutes. The future holds its result or its exception."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
