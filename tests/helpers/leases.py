"""Leases whose holder died."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resources.context import Context

RunOf = Callable[..., Context]


def expire(table: Any) -> None:
    """Let time pass, as if the holder had died and not renewed."""
    table.update_item(
        Key={"environment": "sandbox"},
        UpdateExpression="SET #until = :past",
        ExpressionAttributeNames={"#until": "until"},
        ExpressionAttributeValues={":past": "2020-01-01T00:00:00.000+00:00"},
    )
