"""The switches: `{"slow": {"role_seconds": 8, "throttled": 0.05}}` in the file of limits, read at each call."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..quotas.limits import slow_day


@dataclass(frozen=True)
class Switches:
    """Seconds until something new is seen, and how much of the calls is turned away.

    `role_seconds`: a new role cannot be assumed. `access_entry_seconds`: a new access entry lets nobody in to the API
    server (401), a policy that was just associated gives no rights there (403). `parameter_seconds`: a new parameter is
    not found. `stack_seconds`: a new stack and a new change set do not exist for who describes them.
    `deletion_seconds`: a deleted network interface or security group is listed, and holds what it used. `page_size`:
    how much CloudFormation lists at a time, 0 as always. `throttled`, `failing`: the share of calls that are throttled,
    or answered with 503; every Nth, so that a run can be repeated.
    """

    role_seconds: float = 0.0
    access_entry_seconds: float = 0.0
    parameter_seconds: float = 0.0
    stack_seconds: float = 0.0
    deletion_seconds: float = 0.0
    page_size: int = 0
    throttled: float = 0.0
    failing: float = 0.0


def switches() -> Switches:
    """Those that hold now. Raises TypeError for one that does not exist."""
    return Switches(**slow_day())


def is_new(made: Any, seconds: float) -> bool:
    """Whether something was made less than that long ago. `made`: seconds since 1970, or RFC 3339."""
    if not seconds or not made:
        return False
    if isinstance(made, str):
        moment = datetime.fromisoformat(made)
        made = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return time.time() - float(made) < seconds
