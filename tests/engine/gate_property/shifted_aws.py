"""The embedded AWS with its clock ahead by the seconds that a file says; runs in the embedded AWS's own Python.

What AWS dates (versions of parameters, objects) and the `Date` of its answers are ahead. Signatures and the lives of
sessions stay with this machine's clock, since what signs and what refreshes stands on it.
"""

from __future__ import annotations

import datetime
import email.utils
import importlib
import os
import time
from pathlib import Path
from typing import Any

SHIFT_FILE = "EKS_ASSETS_SHIFT_FILE"  # the variable that names the file
MODULE = "tests.engine.gate_property.shifted_aws"
_real_datetime, _real_formatdate = datetime.datetime, email.utils.formatdate


def read_shift() -> float:
    """Seconds that the clock is ahead."""
    return float(Path(os.environ[SHIFT_FILE]).read_text() or 0)


class ShiftedDatetime(datetime.datetime):
    """A datetime whose present is ahead."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return super().now(tz) + datetime.timedelta(seconds=read_shift())


def formatdate(timeval: float | None = None, localtime: bool = False, usegmt: bool = False) -> str:
    """email.utils.formatdate, whose present is ahead."""
    return _real_formatdate(time.time() + read_shift() if timeval is None else timeval, localtime, usegmt)


def serve_shifted() -> None:
    """Replace the clock before anything imports it, then serve until SIGTERM."""
    datetime.datetime = ShiftedDatetime  # type: ignore[misc]
    email.utils.formatdate = formatdate
    from sandbox.embedded_aws.overlay import main

    lookup: Any = importlib.import_module("sandbox.embedded_aws.cloudtrail.lookup")
    lookup.CALLS_A_SECOND = 1_000_000  # days pass here within a second
    sigv4: Any = importlib.import_module("ministack.core.sigv4")  # of the embedded AWS's own Python
    judge = sigv4.request_time_failure
    sigv4.request_time_failure = lambda signature, now=None: judge(signature, now=_real_datetime.now(datetime.UTC))
    main()


if __name__ == "__main__":
    serve_shifted()
