"""The history of an environment as it is handed out: what `history --json` prints. Pure.

`docs/ledger.md` says what stands in it; `docs/history.schema.json` is made from these models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime
from pydantic import Field as Described

from resources.config.field_types import Model

EventKind = Literal[
    "planned",
    "approved",
    "rejected",
    "closed",
    "changed",
    "repaired",
    "rolled_back",
    "hold_ended",
    "failed",
    "committed",
    "drifted",
    "in_sync",
]


class Event(Model):
    """Something that happened."""

    at: AwareDatetime
    kind: EventKind
    unit: str | None = Described(None, description="Null where it is about more than one unit.")
    who: str = Described("", description="The identity as AWS names it; empty where nobody noted it.")
    detail: str = ""
    run: str = Described("", description="The run that did it; empty where none did.")
    digest: str = Described("", description="Of the plan that it is about.")
    seconds: float | None = Described(None, description="How long a change took, which ended at this time.")
    sequence: int | None = Described(None, description="Of the entry in the ledger's chain.")
    key: str = Described("", description="Where the ledger has it.")


class HistoryReport(Model):
    """What happened to an environment since a time, the newest last."""

    environment: str
    since: AwareDatetime
    events: tuple[Event, ...]
    ignored: tuple[str, ...] = Described(description="Objects of the ledger that are none of what their names say.")


def history_schema() -> dict[str, Any]:
    """The JSON Schema of what `history --json` prints."""
    return HistoryReport.model_json_schema(mode="serialization")
