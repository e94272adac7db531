"""The ledger's entry of a bootstrap: an administrator changed the roles, the rights and the ledger's own bucket."""

from __future__ import annotations

from resources.context import Context
from resources.model.change import Change
from resources.records.change_entry import change_entry, record_change

UNIT = "bootstrap"  # in the place of a unit's name, which it is none of


def record_bootstrap(context: Context, who: str, seconds: float) -> None:
    """Say in the ledger that this ARN has bootstrapped the environment, in so many seconds up to now. Raises as
    `record_change`."""
    change = Change("update", reason="an administrator bootstrapped the environment")
    record_change(context, change_entry(context, UNIT, change, "done", seconds, {"who": who}))
