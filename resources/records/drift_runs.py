"""What drift runs found, in the ledger: `drift/<time>-<run>.json`, one object a run, the newest of which counts.

An object names what differs, and where, but no value, so that no secret can reach the ledger.
"""

from __future__ import annotations

import datetime as dt

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from resources.context import Context
from resources.model.errors import NotFound
from resources.records.ledger import list_keys, read_key, write_once

PREFIX = "drift/"
# S3 lists from the oldest on: the newest is looked for among few first.
_LOOK_BACK = (dt.timedelta(days=1), dt.timedelta(days=32))


class _Recorded(BaseModel):
    """Later versions may write more into it than this one reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FoundDrift(_Recorded):
    """One finding, without its values. `unit`: None for what no unit declares; `found_at`: when a run found it first
    since its unit was applied last."""

    id: str
    unit: str | None
    layer: str
    object: str
    path: str
    kind: str
    culprit: str | None = None
    since: str | None = None
    by_hand: bool = False
    found_at: AwareDatetime | None = None

    @property
    def place(self) -> str:
        """What differs, and where in it."""
        return f"{self.object}: {self.path}" if self.path else self.object

    def __str__(self) -> str:
        return f"{self.unit or 'undeclared'}: {self.kind} {self.place}"

    @property
    def since_time(self) -> dt.datetime | None:
        """When it was changed, as far as its layer tells."""
        try:
            time = dt.datetime.fromisoformat(self.since or "")
        except ValueError:
            return None
        return time if time.tzinfo else time.replace(tzinfo=dt.UTC)

    def changed_at(self, run_at: dt.datetime) -> dt.datetime:
        """When it was changed; where nobody knows that, when a run found it first, the one of `run_at` at the latest.
        No time is later than that run's."""
        return min(self.since_time or self.found_at or run_at, run_at)


class DriftRun(_Recorded):
    """What one run found in the whole environment. `unsettled`: findings of earlier runs that this one could not check.
    `unknown`, `ignored`: how many; `ignored_in`: the units of what is ignored. `event`: names the time since when
    exactly these findings stand; `is_told`: whether people need no other notification of them."""

    environment: str
    at: AwareDatetime
    run: str
    findings: tuple[FoundDrift, ...]
    unsettled: tuple[FoundDrift, ...] = ()
    unknown: int = 0
    ignored: int = 0
    ignored_in: tuple[str, ...] = ()
    seconds: float = 0.0
    event: str = ""
    is_told: bool = False

    @property
    def open(self) -> tuple[FoundDrift, ...]:
        """What is different as far as anybody knows."""
        return (*self.findings, *self.unsettled)


def record_drift_run(context: Context, run: DriftRun) -> str:
    """Write what a run found; the key. Raises NotFound where the environment has not been bootstrapped, AccessDenied,
    Transient."""
    key = f"{PREFIX}{run.at.astimezone(dt.UTC).isoformat(timespec='milliseconds')}-{run.run[:8]}.json"
    # Where there is one already, it is this one: botocore sends again what it got no answer to.
    write_once(context, key, run.model_dump(mode="json"))
    return key


def read_drift_run(context: Context, key: str) -> DriftRun:
    """The record under that key. Raises NotFound for none and for what is no record of a drift run, AccessDenied,
    Transient."""
    try:
        return DriftRun.model_validate_json(read_key(context, key) if key.startswith(PREFIX) else b"")
    except ValidationError:
        raise NotFound(f"the ledger has no drift run {key!a}") from None


def last_drift_run(context: Context) -> tuple[str, DriftRun] | None:
    """Key and content of the newest record that can be read; None where there is none. Raises NotFound where the
    environment has not been bootstrapped, AccessDenied, Transient."""
    now = dt.datetime.now(dt.UTC)
    for start in (*((now - back).isoformat() for back in _LOOK_BACK), ""):
        for key in reversed(list_keys(context, PREFIX, after=f"{PREFIX}{start}" if start else "")):
            try:
                return key, DriftRun.model_validate_json(read_key(context, key))
            except ValidationError:
                continue
    return None
