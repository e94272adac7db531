"""The result of drift detection that is handed out: what `drift --json` prints. Pure.

`docs/drift.md` says what stands in it; `docs/drift.schema.json` is made from these models. It holds no secret: what is
sensitive is masked when an entry is built.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic import Field as Described

from eks_assets.plan.document import to_json
from eks_assets.plan.masking import mask_fields
from resources.config.ignored_findings import IgnoredFinding
from resources.model.digests import hex_digest_of
from resources.model.drift import Finding, FindingKind

_ID_DIGITS = 12


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FindingEntry(_Model):
    """One difference between what was applied last and what exists."""

    id: str = Described(description="Stays the same while unit, object and path do.", pattern="^[0-9a-f]{12}$")
    unit: str | None = Described(description="Null for what no unit declares.")
    layer: str = Described(description="cloudformation, helm, kubernetes, argocd, git or parameter.")
    object: str = Described(description="What differs, as its layer names it.")
    path: str = Described(description="Where in it; empty for the whole object.")
    expected: JsonValue = Described(description="As it was applied; null: absent.")
    observed: JsonValue = Described(description="As it is; null: absent.")
    kind: FindingKind = Described(description="What was done to it.")
    culprit: str | None = Described(description="Who did it, as far as the layer notes that.")
    since: str | None = Described(description="When, in ISO 8601.")
    by_hand: bool = Described(False, description="Whether only a person can put it back: a deploy does not.")


class IgnoredEntry(FindingEntry):
    """A finding that the environment's file sets aside."""

    reason: str = Described(description="Why, as the file says.")
    until: str = Described(description="The last day (UTC) on which it is set aside.")


class UncheckedEntry(_Model):
    """Something that could not be compared: it may have drifted."""

    unit: str | None = Described(description="Null for what no unit declares.")
    object: str
    reason: str
    failed: bool = Described(description="Whether a read failed that should have worked.")


class DriftReport(_Model):
    """What differs, and what could not be compared, in one environment."""

    environment: str
    findings: tuple[FindingEntry, ...]
    unknown: tuple[UncheckedEntry, ...]
    ignored: tuple[IgnoredEntry, ...] = Described((), description="Findings that the environment's file sets aside.")
    lapsed: tuple[str, ...] = Described(
        (), description="What is to be said of entries of drift.ignore that set nothing aside any more."
    )
    pending: tuple[str, ...] = Described(description="Units that were never applied: they cannot have drifted.")
    notes: tuple[str, ...] = Described((), description="What is to be said of findings whose culprit is not known.")
    seconds: float

    def exit_code(self, *, strict: bool = False) -> int:
        """0 in sync, 4 findings, 1 where a read failed; `strict`: also where something cannot be compared."""
        if any(entry.failed or strict for entry in self.unknown):
            return 1
        return 4 if self.findings else 0


def build_finding(unit: str | None, finding: Finding) -> FindingEntry:
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
        by_hand=finding.by_hand,
    )


def ignored_in(unit: str, ignores: Collection[IgnoredFinding], today: str) -> Callable[[Finding], bool]:
    """Whether the environment's file ignores a finding of that unit until `today` or later."""
    valid = {entry.finding for entry in ignores if entry.until >= today}
    return lambda finding: bool(valid) and build_finding(unit, finding).id in valid


def set_aside(
    report: DriftReport, ignores: Collection[IgnoredFinding], today: str, *, is_whole: bool = True
) -> DriftReport:
    """The report with those findings under `ignored` that the environment's file ignores until `today` or later, and a
    sentence for each entry that does nothing any more. `is_whole`: whether every unit was compared; else nobody knows
    whether a finding is gone."""
    valid = {entry.finding: entry for entry in sorted(ignores, key=lambda entry: entry.until) if entry.until >= today}
    ignored = tuple(
        IgnoredEntry(**f.model_dump(), reason=valid[f.id].reason, until=valid[f.id].until)
        for f in report.findings
        if f.id in valid
    )
    findings = tuple(f for f in report.findings if f.id not in valid)
    lapsed = _lapsed(ignores, valid, {f.id for f in findings}, {f.id for f in ignored}, is_whole=is_whole)
    return report.model_copy(update={"findings": findings, "ignored": ignored, "lapsed": tuple(lapsed)})


def _lapsed(
    ignores: Iterable[IgnoredFinding],
    valid: Collection[str],
    differing: Collection[str],
    ignored: Collection[str],
    *,
    is_whole: bool,
) -> Iterable[str]:
    for entry in ignores:
        if entry.finding not in valid and entry.finding in differing:
            yield f"{entry.finding} was ignored until {entry.until} and is a finding again ({entry.reason})"
        elif is_whole and entry.finding not in differing and entry.finding not in ignored:
            yield f"{entry.finding} is ignored until {entry.until} and no finding any more: remove it from drift.ignore"


def drift_schema() -> dict[str, Any]:
    """The JSON Schema of what `drift --json` prints."""
    return DriftReport.model_json_schema(mode="serialization")
