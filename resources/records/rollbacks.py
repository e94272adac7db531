"""Rollbacks: which earlier specs are wanted in place of what the environment's files say, in the ledger:
`rollbacks/<time>-<id>.json`, one object a rollback or an end of one, the newest of which counts for all units.

A unit is held back as long as the files want of it what they wanted when it was rolled back: `held`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from resources.context import Context
from resources.model.errors import AccessDenied, NotFound
from resources.model.specs import Restore
from resources.records.ledger import list_keys, read_key, write_once
from resources.support.memory_cache import CacheKey

PREFIX = "rollbacks/"
BEFORE = "before "  # with the time, in the place of a run's id
_HOLDS: CacheKey[Rollback | None] = CacheKey("what is held back")


def describe_target(run: str) -> str:
    """What a rollback goes back to, in words: the end of a run, or how it was before a deploy began."""
    return run if run.startswith(BEFORE) else f"run {run[:8]}"


class _Recorded(BaseModel):
    """Later versions may write more into it than this one reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Hold(_Recorded):
    """One unit that is held back. `held`: the digest of the spec that its files wanted then, without what other units
    output; `spec`: the digest of the one that is wanted instead, None where `restore` says what is; `chart`: the digest
    of the chart package that was applied then; `since`: when it was rolled back, to the end of `run`."""

    unit: str
    held: str
    since: AwareDatetime
    run: str
    spec: str | None = None
    chart: str | None = None
    restore: Restore | None = None

    def __str__(self) -> str:
        return f"held back since {self.since:%Y-%m-%d %H:%M} UTC (rollback to {describe_target(self.run)})"


class Rollback(_Recorded):
    """What is held back from then on: `holds` of all units, those of earlier rollbacks that still stand with them; none
    where the holds were ended. `run`: to the end of which run was rolled back, empty where the holds were ended."""

    environment: str
    id: str
    at: AwareDatetime
    who: str
    run: str = ""
    holds: tuple[Hold, ...] = ()

    def hold_of(self, unit: str) -> Hold | None:
        return next((hold for hold in self.holds if hold.unit == unit), None)


def new_rollback(context: Context, who: str, run: str, holds: tuple[Hold, ...]) -> Rollback:
    """What would be written; nothing is."""
    now = dt.datetime.now(dt.UTC)
    return Rollback(environment=context.env.name, id=uuid4().hex[:12], at=now, who=who, run=run, holds=holds)


def record_rollback(context: Context, rollback: Rollback) -> None:
    """Write it: from now on it counts. Raises LeaseHeld where another run holds the environment, NotFound where it has
    not been bootstrapped, AccessDenied, Transient."""
    key = f"{PREFIX}{rollback.at.astimezone(dt.UTC).isoformat(timespec='milliseconds')}-{rollback.id}.json"
    context.before_change()
    write_once(context, key, rollback.model_dump(mode="json"))
    context.cache.invalidate(_HOLDS)


def end_holds(context: Context, who: str) -> tuple[Hold, ...]:
    """Record that the files count again for all units, where anything is held back; what was. The environment is held.
    Raises as `record_rollback`."""
    rollback = current_rollback(context)
    if rollback is None or not rollback.holds:
        return ()
    record_rollback(context, new_rollback(context, who, "", ()))
    return rollback.holds


def expect_rollback(context: Context, rollback: Rollback) -> None:
    """Plan in this context as if it had been recorded."""
    context.cache.invalidate(_HOLDS)
    context.cache.get(_HOLDS, lambda: rollback)


def current_rollback(context: Context) -> Rollback | None:
    """The newest record, read once for a context; None where there is none, where the environment has not been
    bootstrapped, and, said once, for a planner that may not read it. Raises AccessDenied, Transient."""
    return context.cache.get(_HOLDS, lambda: _read(context))


def list_rollbacks(context: Context, since: dt.datetime) -> list[tuple[str, Rollback]]:
    """Key and content of all records since then that can be read, in order. Raises as `current_rollback`."""
    after = f"{PREFIX}{since.astimezone(dt.UTC).isoformat(timespec='milliseconds')}"
    return list(_readable(context, list_keys(context, PREFIX, after)))


def _readable(context: Context, keys: Iterable[str]) -> Iterator[tuple[str, Rollback]]:
    """Each of the keys whose object is a record, with that."""
    for key in keys:
        try:
            yield key, Rollback.model_validate_json(read_key(context, key))
        except ValidationError:
            context.progress(f"{key!a} of the ledger is no record of a rollback")


def _read(context: Context) -> Rollback | None:
    try:
        newest = next(_readable(context, reversed(list_keys(context, PREFIX))), None)
        return newest[1] if newest else None
    except NotFound:
        return None
    except AccessDenied as error:
        if not context.aws.planning:
            raise
        context.progress(
            f"what is held back cannot be read: {error.message}; an administrator gives the right with: "
            f"eks-assets bootstrap {context.env.name} --apply"
        )
    return None
