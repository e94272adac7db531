"""Which units have been applied, and as what, as the ledger says: what is gone of one of them was removed."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from resources.context import Context
from resources.model.errors import AccessDenied, NotFound
from resources.records.chain import ENTRIES
from resources.records.ledger import list_keys, read_key
from resources.support.memory_cache import CacheKey

_KEYS: CacheKey[list[str]] = CacheKey("keys of the ledger's entries")
_LOOKED_AT = 20  # entries of one unit, the newest first: failures may stand before the last success
_MADE = ("create", "update", "replace")


def applied_at(context: Context, unit: str) -> str | None:
    """When the unit was last changed with success, in ISO 8601; None where it never was, as far as whom we read as may
    know. Raises Transient."""
    entry = last_success(context, unit)
    return str(entry["at"]) if entry is not None and entry.get("action") in _MADE else None


def applied_spec(context: Context, unit: str) -> str | None:
    """The digest of the spec that the unit was applied from last; None where the ledger has none. Raises Transient."""
    entry = last_success(context, unit) or {}
    return str(entry["spec"]) if entry.get("spec") else None


def last_success(context: Context, unit: str, until: dt.datetime | None = None) -> Mapping[str, Any] | None:
    """The entry of the unit's last change with success, of those `until` then; None where there is none, as far as whom
    we read as may know. Raises Transient."""
    return next((e for e in _newest_entries(context, unit, until) if e.get("outcome") == "done"), None)


def last_entry(context: Context, unit: str) -> Mapping[str, Any] | None:
    """The entry of the last time that the unit was to be changed, with success or without. Else as `last_success`."""
    return next(_newest_entries(context, unit, None), None)


def _newest_entries(context: Context, unit: str, until: dt.datetime | None) -> Iterator[Mapping[str, Any]]:
    time = rf"{re.escape(ENTRIES)}\d{{4}}-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00)"
    name = re.compile(rf"{time}-{re.escape(unit)}(?:\.\d+)?\.json")
    end = "" if until is None else until.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    with suppress(AccessDenied, NotFound):  # bootstrapped by an earlier version, or not at all
        keys = context.cache.get(_KEYS, lambda: list_keys(context, ENTRIES))
        own = [key for key in keys if name.fullmatch(key) and (not end or key[len(ENTRIES) :][: len(end)] <= end)]
        for key in own[::-1][:_LOOKED_AT]:
            yield json.loads(read_key(context, key))
