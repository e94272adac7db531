"""Leases whose holder died, and processes that hold none."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from resources.context import Context

RunOf = Callable[..., Context]
ContextOf = Callable[..., Context]


OLDER_ROW, PLATFORM_ROW = "sandbox", "platform:000000000000/us-west-2/demo-sandbox"


def expire(table: Any) -> None:
    """Let time pass, as if the holder had died and not renewed. Names that the file had before have rows as well."""
    platform = table.get_item(Key={"environment": PLATFORM_ROW}, ConsistentRead=True).get("Item", {})
    for row in {OLDER_ROW, PLATFORM_ROW, *platform.get("names", ())}:
        table.update_item(
            Key={"environment": row},
            UpdateExpression="SET #until = :past",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues={":past": "2020-01-01T00:00:00.000+00:00"},
        )


@contextmanager
def another_launch() -> Iterator[None]:
    """What runs here runs as in a process that somebody else started."""
    process = multiprocessing.current_process()
    before, process.authkey = process.authkey, os.urandom(32)
    try:
        yield
    finally:
        process.authkey = before
