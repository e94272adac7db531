"""An entry of the ledger: what was done to one unit, when, by whom and under which grant.

It has the paths of the fields that changed and never their values, so that no secret can reach it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from resources.context import NO_RUN, Context
from resources.model.change import Change
from resources.model.errors import AccessDenied, AlreadyThere
from resources.records.chain import ENTRIES, entry_key, entry_text
from resources.records.chain_head import reserve_place, write_reserved
from resources.records.ledger import list_keys, read_key, write_once

# Of the 8 KiB that an entry may have (`chain_head.py`); the rest is of known length.
_MOST_OF_FIELDS = 5 * 1024
_MOST_OF_A_TEXT = 500


class ChangeEntry(BaseModel):
    """What readers need of an entry, of any version of the program. Raises ValidationError for what is none."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: AwareDatetime
    unit: str
    action: str
    outcome: str
    by: str = ""
    reason: str = ""
    who: str = ""
    seconds: float = 0
    sequence: int | None = None
    plan: str = ""
    repair: dict[str, Any] = {}


def change_entry(
    context: Context,
    unit: str,
    change: Change,
    outcome: str,
    seconds: float,
    account: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the ledger says of one change. `outcome`: `done`, or the first line of the reason it failed. `account`: who
    did it, from where and under which grant, as far as that is known (docs/ledger.md). Paths that would make the entry
    too large are counted as `fields_left_out`; the plan has them all."""
    paths = [field.path for field in change.fields]
    kept = _within(paths, _MOST_OF_FIELDS)
    left_out = {"fields_left_out": len(paths) - len(kept)} if len(kept) < len(paths) else {}
    return {
        "environment": context.env.name,
        "unit": unit,
        "action": change.action,
        "reason": change.reason[:_MOST_OF_A_TEXT],
        "fields": kept,
        **left_out,
        "outcome": outcome[:_MOST_OF_A_TEXT],
        "seconds": round(seconds, 1),
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "by": context.run_id or NO_RUN,
        **(account or {}),
    }


def record_change(context: Context, document: Mapping[str, Any]) -> None:
    """Append one entry, `changes/<time>-<unit>.json`; an existing one is never overwritten. Without the right to the
    chain's head it is written without a place in the chain, since what was changed was changed.

    Raises NotFound where the environment has not been bootstrapped, AlreadyThere, AccessDenied, Transient."""
    text = entry_text(document)
    try:
        head = reserve_place(context, text)
    except AccessDenied as error:
        context.progress(
            f"the ledger's entry has no place in the chain: {error.message}; an administrator gives the right with: "
            f"eks-assets bootstrap {context.env.name} --apply"
        )
        _write_alone(context, document)
    else:
        write_reserved(context, head, text)


def _write_alone(context: Context, document: Mapping[str, Any]) -> None:
    key = entry_key(document)
    # botocore sends again what it got no answer to: then the entry that is there is this one.
    if not write_once(context, key, document) and read_key(context, key) != entry_text(document).encode():
        raise AlreadyThere(f"the ledger has another entry under {key}")


def list_entries(context: Context, limit: int = 100) -> list[dict[str, Any]]:
    """The newest entries first. Raises NotFound, AccessDenied, Transient."""
    return [json.loads(read_key(context, key)) for key in list_keys(context, ENTRIES)[::-1][:limit]]


def _within(paths: Iterable[str], most: int) -> list[str]:
    """As many of the paths as have so many bytes in JSON."""
    kept: list[str] = []
    for path in paths:
        most -= len(json.dumps(path)) + 1
        if most < 0:
            break
        kept.append(path)
    return kept
