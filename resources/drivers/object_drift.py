"""Drift of one Kubernetes object: what differs from what was applied, and who is noted to have written it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from resources.kubernetes.field_ownership import other_owners, owner_of
from resources.kubernetes.live_diff import as_stored, object_diff
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, Finding, FindingKind


def object_findings(
    live: Mapping[str, Any], applied: Mapping[str, Any], manager: str, layer: str, title: str
) -> Iterator[Finding]:
    """The fields in which a live object differs from what `manager` applied. `title`: how findings name it."""
    changes = object_diff(live, applied, manager)
    owners = other_owners(live, as_stored(applied), manager) if changes else {}
    for change in changes:
        owner = owner_of(change.path, owners)
        field = replace(change, before=change.after, after=change.before)
        kind: FindingKind = "extra" if field.before is None else "missing" if field.after is None else "changed"
        if kind == "changed" and owner is not None and owner.operation == "Apply":
            kind = "foreign_manager"
        yield Finding(layer, title, field, kind, owner.manager if owner else "", owner.time if owner else "")


def missing_object(layer: str, title: str) -> Finding:
    """An object that was applied and is gone."""
    return Finding(layer, title, FieldChange("", EXISTS, None), "missing")
