"""AWS's clock: what decides on leases, decisions and expiry, whatever this machine's clock says."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.support.memory_cache import CacheKey

# Linux stops its monotonic clock while the machine sleeps; this one goes on.
_TICKS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass
class _Clock:
    """AWS's clock: how far it is from this machine's ticks, in seconds. Corrected by each answer."""

    offset: float | None = None

    def hear(self, answer: Mapping[str, Any]) -> None:
        server_date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        self.offset = server_date.timestamp() - time.clock_gettime(_TICKS)


_CLOCK: CacheKey[_Clock] = CacheKey("AWS's clock")


def clock_of(context: Context) -> _Clock:
    return context.cache.get(_CLOCK, _Clock)


def server_time(context: Context) -> dt.datetime:
    """The time by AWS's clock, right to about a second: told by its answers, counted on by our ticks.

    Raises AccessDenied, Transient."""
    # Another thread may clear the cache, and the clock with it: ask until there is one that has been set.
    while (offset := clock_of(context).offset) is None:
        with aws_call("asking AWS for the time"):
            clock_of(context).hear(context.aws.client("sts").get_caller_identity())
    return dt.datetime.fromtimestamp(offset + time.clock_gettime(_TICKS), dt.UTC)
