"""The report of drift detection: what is masked, which exit code it gives, and its published form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from eks_assets.plan.drift import DriftReport, FindingEntry, UncheckedEntry, build_finding, drift_schema, set_aside
from eks_assets.plan.drift_wording import account_words
from resources.config.ignored_findings import IgnoredFinding
from resources.model.change import MASK, FieldChange
from resources.model.drift import Finding
from sandbox.paths import PROJECT

FINDING = Finding("helm", "ConfigMap/a/b", FieldChange("data.x", "1", "2"), "changed", "kubectl-edit", "2026-01-01")


def report(**more: Any) -> DriftReport:
    return DriftReport(**{"environment": "e", "findings": (), "unknown": (), "pending": (), "seconds": 0.1, **more})


def unchecked(*, failed: bool) -> UncheckedEntry:
    return UncheckedEntry(unit="u", object="o", reason="r", failed=failed)


@pytest.mark.parametrize(
    ("more", "code", "strict"),
    [
        ({}, 0, 0),
        ({"unknown": (unchecked(failed=False),)}, 0, 1),
        ({"findings": (build_finding("u", FINDING),)}, 4, 4),
        ({"findings": (build_finding("u", FINDING),), "unknown": (unchecked(failed=False),)}, 4, 1),
        ({"findings": (build_finding("u", FINDING),), "unknown": (unchecked(failed=True),)}, 1, 1),
    ],
)
def test_exit_code(more: dict[str, Any], code: int, strict: int) -> None:
    """A failed read wins over findings; what cannot be compared counts only where that is asked for."""
    assert (report(**more).exit_code(), report(**more).exit_code(strict=True)) == (code, strict)


def test_secret_is_masked_and_id_does_not_depend_on_values() -> None:
    """A finding shows that a password differs, not what it is or was."""
    field = FieldChange("spec.containers[0].env[0].value", "old-secret", "new-secret", beside="DB_PASSWORD")
    finding = build_finding("u", Finding("helm", "Deployment/a/b", field, "changed"))
    assert (finding.expected, finding.observed) == (MASK, MASK)
    other = build_finding("u", Finding("helm", "Deployment/a/b", FieldChange(field.path, "x", "y"), "changed"))
    assert finding.id == other.id != build_finding("v", Finding("helm", "Deployment/a/b", field, "changed")).id


def test_published_schema_is_made_from_the_model() -> None:
    """`make docs` writes it."""
    assert json.loads((PROJECT / "docs" / "drift.schema.json").read_text()) == drift_schema()


def ignore(entry: FindingEntry, until: str, reason: str = "known") -> IgnoredFinding:
    return IgnoredFinding(finding=entry.id, reason=reason, until=until)


def test_ignored_finding_is_listed_and_no_difference() -> None:
    """On its last day it is still set aside, with the reason; the day after it is a finding again, and that is said."""
    entry = build_finding("u", FINDING)
    whole = report(findings=(entry,))
    aside = set_aside(whole, [ignore(entry, "2026-12-31")], "2026-12-31")
    assert (aside.findings, aside.exit_code(), aside.lapsed) == ((), 0, ())
    assert [(i.id, i.reason, i.until) for i in aside.ignored] == [(entry.id, "known", "2026-12-31")]

    expired = set_aside(whole, [ignore(entry, "2026-12-31")], "2027-01-01")
    assert (expired.findings, expired.exit_code(), expired.ignored) == ((entry,), 4, ())
    assert "is a finding again" in expired.lapsed[0]

    longer = set_aside(whole, [ignore(entry, "2027-06-30", "longer"), ignore(entry, "2026-12-31")], "2027-01-01")
    assert [i.reason for i in longer.ignored] == ["longer"]
    assert longer.lapsed == ()


def test_ignored_finding_that_is_gone_is_said() -> None:
    """Only where everything was compared: of the other units nobody knows."""
    entry = build_finding("u", FINDING)
    ignores = [ignore(entry, "2026-12-31")]
    assert "no finding any more" in set_aside(report(), ignores, "2026-12-01").lapsed[0]
    assert set_aside(report(), ignores, "2026-12-01", is_whole=False).lapsed == ()


def test_findings_lead_to_the_account_of_the_calls() -> None:
    """Since the first of which a time is known; without any, nowhere."""
    later = build_finding("u", replace(FINDING, since="2026-01-02"))
    unknown = build_finding("u", replace(FINDING, since=""))
    words = account_words(report(findings=(later, build_finding("u", FINDING), unknown)))
    assert words.endswith("eks-assets account-for e --since 2026-01-01")
    assert account_words(report(findings=(unknown,))) == ""
