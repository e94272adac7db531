"""The audit of a ledger as it is handed out: what `audit verify --json` prints. Pure.

`docs/ledger.md` says what stands in it; `docs/audit.schema.json` is made from these models."""

from __future__ import annotations

from typing import Any

from pydantic import Field as Described

from resources.config.field_types import Model
from resources.records.chain_audit import Audit, Fault, Unwritten


class AuditReport(Model):
    """Whether the ledger's entries are the chain that its head ends."""

    environment: str
    entries: int = Described(description="How many the chain has.")
    begins: str | None = Described(description="The first entry that has a place; null where none has.")
    before_the_chain: int = Described(description="Entries of earlier versions, which nothing proves.")
    faults: tuple[Fault, ...]
    unwritten: tuple[Unwritten, ...] = Described(description="Entries of which the head has the text, and no more.")
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 whole, 4 a fault, 1 where an entry is not written yet."""
        return 1 if self.unwritten else 4 if self.faults else 0


def build_audit_report(environment: str, audit: Audit, seconds: float) -> AuditReport:
    """The report of an audit that took so many seconds."""
    return AuditReport(
        environment=environment,
        entries=audit.entries,
        begins=audit.begins or None,
        before_the_chain=audit.before,
        faults=audit.faults,
        unwritten=audit.unwritten,
        seconds=seconds,
    )


def audit_schema() -> dict[str, Any]:
    """The JSON Schema of what `audit verify --json` prints."""
    return AuditReport.model_json_schema(mode="serialization")
