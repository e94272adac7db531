"""The result of drift detection that is handed out: what `drift --json` prints. Pure.

`docs/drift.md` says what stands in it; `docs/drift.schema.json` is made from these models. It holds no secret: what is
sensitive is masked when an entry is built.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic import Field as Described

from eks_assets.plan.document import to_json
from eks_assets.plan.masking import mask_fields
from resources.model.digests import hex_digest_of
from resources.model.drift import Finding, FindingKind

_ID_DIGITS = 12


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FindingEntry(_Model):
    """One difference between what was applied last and what exists."""

    id: str = Described(description="Stays the same while unit, object and path do.", pattern="^[0-9a-f]{12}$")
    unit: str | None = Described(description="Null for what no unit declares.")
    layer: str = Described(description="cloudformation, helm, kubernetes or parameter.")
    object: str = Described(description="What differs, as its layer names it.")
    path: str = Described(description="Where in it; empty for the whole object.")
    expected: JsonValue = Described(description="As it was applied; null: absent.")
    observed: JsonValue = Described(description="As it is; null: absent.")
    kind: FindingKind = Described(description="What was done to it.")
    culprit: str | None = Described(description="Who did it, as far as the layer notes that.")
    since: str | None = Described(description="When, in ISO 8601.")


class UncheckedEntry(_Model):
    """Something that could not be compared: it may have drifted."""

    unit: str
    object: str
    reason: str
    failed: bool = Described(description="Whether a read failed that should have worked.")


class DriftReport(_Model):
    """What differs, and what could not be compared, in one environment."""

    environment: str
    findings: tuple[FindingEntry, ...]
    unknown: tuple[UncheckedEntry, ...]
    ignored: tuple[FindingEntry, ...] = Described((), description="Findings that the environment's file sets aside.")
    pending: tuple[str, ...] = Described(description="Units that were never applied: they cannot have drifted.")
    seconds: float

    def exit_code(self, *, strict: bool = False) -> int:
        """0 in sync, 4 findings, 1 where a read failed; `strict`: also where something cannot be compared."""
        if any(entry.failed or strict for entry in self.unknown):
            return 1
        return 4 if self.findings else 0


def build_finding(unit: str, finding: Finding) -> FindingEntry:
    """The entry of a finding, what is sensitive masked."""
    (field,) = mask_fields([finding.field])
    return FindingEntry(
        id=hex_digest_of([unit, finding.object, field.path])[:_ID_DIGITS],
        unit=unit,
        layer=finding.layer,
        object=finding.object,
        path=field.path,
        expected=to_json(field.before),
        observed=to_json(field.after),
        kind=finding.kind,
        culprit=finding.culprit or None,
        since=finding.since or None,
    )


def drift_schema() -> dict[str, Any]:
    """The JSON Schema of what `drift --json` prints."""
    return DriftReport.model_json_schema(mode="serialization")
