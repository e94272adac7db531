"""What an environment says about its ledger, the record of what was asked, decided and done."""

from __future__ import annotations

from pydantic import Field

from resources.config.field_types import Model


class Ledger(Model):
    """How long the ledger is kept. `retention_days`: for so many days after it was written no version of an object can
    be deleted or overwritten (S3 Object Lock, governance mode); a change counts for what is written after the next
    bootstrap."""

    retention_days: int = Field(default=365, ge=1, le=36500)
