"""What drift detection says: findings, and what could not be compared. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resources.model.change import FieldChange

FindingKind = Literal["changed", "missing", "extra", "foreign_manager", "undeclared"]
EXISTS = "exists"  # in place of a value, for a whole object or resource


@dataclass(frozen=True)
class AwsResource:
    """A resource of AWS by its type and physical id in CloudFormation: CloudTrail knows by them who changed it."""

    type: str
    physical_id: str


@dataclass(frozen=True)
class Finding:
    """One difference between what was applied last and what exists. `layer`: cloudformation, helm, kubernetes, argocd,
    git or parameter; `object`: what differs, as its layer names it; `field`: where, from what is expected (`before`) to
    what is observed (`after`), the path empty for a whole object; `culprit`: who did it, as far as its layer notes
    that; `since`: when, in ISO 8601; `resource`: of AWS, of which CloudTrail is to say who changed it; `by_hand`:
    whether only a person can put it back."""

    layer: str
    object: str
    field: FieldChange
    kind: FindingKind
    culprit: str = ""
    since: str = ""
    resource: AwsResource | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class Unchecked:
    """Something that cannot be compared, and why. It may well have drifted."""

    object: str
    reason: str


@dataclass(frozen=True)
class Drift:
    """What one unit's driver has to say. `is_pending`: it was never applied, so it cannot have drifted."""

    findings: tuple[Finding, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    is_pending: bool = False


def merge_drifts(*drifts: Drift) -> Drift:
    """What several parts of one unit have to say; none of them is pending."""
    return Drift(tuple(f for d in drifts for f in d.findings), tuple(u for d in drifts for u in d.unchecked))
