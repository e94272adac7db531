"""What is pending must be a subset of what was approved."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.engine.coverage import coverage_faults
from eks_assets.plan.model import Entry, Field
from resources.model.change import MASK
from resources.model.outputs import Outputs, Pending
from tests.helpers.plans import field, report


class Config(Outputs):
    commit: str
    subnets: tuple[str, ...]


KNOWN = {"config": Config(commit="c0ffee", subnets=("a", "b"))}
AROUND = {
    "environment": "other",
    "account": "9" * 12,
    "region": "other",
    "commit": "other",
    "code_commit": "other",
    "inputs": "sha256:" + "1" * 64,
    "cluster_version": "1.99",
}


def entry(*fields: Field, action: str = "update", **other: Any) -> Entry:
    made = {"unit": "x", "wave": "applications", "action": action, "reason": "differs", "fields": fields}
    rest = {"reversibility": "reversible", "minutes": 1.0, "disrupts": (), "known_after_apply": (), "volatile": ()}
    observed = {"status": "deployed", "revision": "3"}
    return Entry.model_validate({**made, **rest, "facts": {}, "observed": observed, **other})


def deviations(approved: Entry, now: Entry, started: bool = False) -> tuple[str, ...]:
    plan = report(approved)
    return coverage_faults(plan, plan, now, KNOWN, "started" if started else "")


A, B = field("a", 1, 2), field("b", None, "x")


def test_coverage_accepts_same_and_smaller_change() -> None:
    """The approved change, or a part of it, is covered."""
    assert deviations(entry(A, B), entry(A, B)) == ()
    assert deviations(entry(A, B), entry(B)) == ()


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (entry(A, field("c", 1, 2)), "x c: not in the approved plan"),
        (entry(field("a", 1, 3)), "approved to become 2, now 3"),
        (entry(field("a", 7, 2)), "was 1 when approved and is 7"),
        (entry(field("a", 1, 2, replaces=True)), "would replace the resource"),
        (entry(A, action="create"), "approved to update, now it would create"),
        (entry(A, observed={"status": "deployed", "revision": "4"}), "revision was 3 when approved and is 4"),
        (entry(A, field("", None, None)), "could not be planned in detail"),
        (entry(A, unit="y"), "y had nothing to do in the approved plan"),
    ],
)
def test_coverage_refuses_change_that_was_not_approved(now: Entry, why: str) -> None:
    """A field, value, action, revision or unit that was not approved is a deviation, and is named."""
    reasons = deviations(entry(A, B), now)
    assert any(why in line for line in reasons), reasons


@pytest.mark.parametrize("started", [False, True])
def test_coverage_refuses_objects_of_another_commit(started: bool) -> None:
    """What was rendered from another commit of the application repository was not approved, even where it is equal."""
    approved, now = (entry(A, facts={"commit": commit}) for commit in ("a" * 40, "b" * 40))
    assert "the commit is not what was approved" in deviations(approved, now, started)[0]
    assert deviations(entry(A), now, started) == ()


def test_coverage_refuses_another_secret_under_the_mask() -> None:
    """Both read (sensitive); which secret it is stands in a keyed hash."""

    def masked(before: str, after: str) -> Entry:
        keyed = {"keyed_before": f"hmac-sha256:{before * 64}", "keyed_after": f"hmac-sha256:{after * 64}"}
        return entry(field("a", MASK, MASK, sensitive=True).model_copy(update=keyed))

    assert deviations(masked("1", "2"), masked("1", "2")) == ()
    assert "a: approved to become another secret" in deviations(masked("1", "2"), masked("1", "3"))[0]
    assert "a: was another secret when approved" in deviations(masked("1", "2"), masked("3", "2"))[0]
    assert deviations(masked("1", "2"), masked("3", "2"), started=True) == ()
    unknown = entry(field("a", MASK, MASK, sensitive=True))
    assert deviations(masked("1", "2"), unknown) != (), "the key can no longer be read"
    assert deviations(unknown, masked("1", "2")) == ()


def test_coverage_refuses_chart_pushed_again() -> None:
    """A chart with other content under the approved version is a deviation."""
    approved = entry(A, facts={"chart": "sha256:1", "manifest": "sha256:m"})
    again = entry(A, facts={"chart": "sha256:2", "manifest": "sha256:m"})
    assert "the chart is not what was approved" in deviations(approved, again)[0]
    assert deviations(approved, entry(A, facts={"chart": "sha256:1", "manifest": "sha256:m"})) == ()


def test_coverage_accepts_rest_after_units_own_failure() -> None:
    """A unit that failed under the grant may finish from the state it left, but change nothing else."""
    failed = entry(A, field("status", "failed", "deployed"), observed={"status": "failed", "revision": "4"})
    assert deviations(entry(A, B), failed) != ()
    assert deviations(entry(A, B), failed, started=True) == ()
    created = entry(A, B, action="create", observed={"status": "absent"})
    assert deviations(created, failed, started=True) == ()
    assert deviations(entry(A, B), entry(A, field("c", 1, 2)), started=True) != ()


def test_coverage_fills_in_outputs_before_comparing() -> None:
    """Outputs that were unknown at approval are filled in before the plans are compared."""
    token = Pending("config", "commit").token
    several = Pending("config", "subnets").token
    approved = entry(
        field("at", None, f"commit {token}"),
        field("doc", None, {"c": token}),
        field("list[0]", None, several),
        known_after_apply=["config.commit"],
        facts={"chart": "sha256:1", "manifest": "with tokens"},
    )
    now = entry(
        field("at", None, "commit c0ffee"),
        field("doc", None, {"c": "c0ffee"}),
        field("list[0]", None, "a"),
        field("list[1]", None, "b"),
        facts={"chart": "sha256:1", "manifest": "filled"},
    )
    assert deviations(approved, now) == ()
    assert deviations(approved, entry(field("at", None, "commit other"))) != ()


def new(*fields: Field, **other: Any) -> Entry:
    return entry(*fields, action="create", observed={"status": "absent"}, **other)


def test_coverage_refuses_creation_with_less_than_approved() -> None:
    """A new resource is not created without a field that was approved."""
    encrypted, subnets = field("Encrypted", None, True), field("subnets[0]", None, str(Pending("config", "subnets")))
    approved = new(encrypted, subnets, known_after_apply=["config.subnets"])
    all_of_it = field("subnets[0]", None, "a"), field("subnets[1]", None, "b")
    assert deviations(approved, new(encrypted, *all_of_it)) == ()
    assert deviations(approved, new(*all_of_it)) == ("x Encrypted: was approved and would be left out",)
    assert deviations(approved, new(encrypted, all_of_it[0])) == ("x subnets[1]: was approved and would be left out",)
    manifest = new(field("NetworkPolicy shop/deny", None, {"kind": "NetworkPolicy"}), encrypted)
    assert "NetworkPolicy shop/deny" in deviations(manifest, new(encrypted))[0]


def test_coverage_counts_what_failed_creation_has_made() -> None:
    """What a failed creation has made already, or may have made, is not missing."""
    halfway = entry(B, observed={"status": "failed"})
    assert deviations(new(A, B), halfway, started=True) == ()
    assert deviations(new(A, B), new(B), started=True) == ()


def test_coverage_accepts_creation_of_less_if_rest_exists() -> None:
    """An object that exists by now, or a value the template spells already, need not be created."""
    object_of_others = field("CustomResourceDefinition/gateways.example.com", None, "(exists)")
    chart = {"chart": "sha256:1"}
    assert deviations(new(B, object_of_others, facts=chart), new(B, facts=chart)) == ()
    as_in_the_template = field("values.commit", "c0ffee", str(Pending("config", "commit")))
    assert deviations(new(B, as_in_the_template, known_after_apply=["config.commit"]), new(B)) == ()


@pytest.mark.parametrize("key", AROUND)
def test_coverage_refuses_other_environment_or_source(key: str) -> None:
    """Environment, account, region, commit, inputs and cluster version must be those of the approved plan."""
    plan = report(entry(A))
    assert coverage_faults(plan, plan, entry(A), KNOWN, "") == ()
    assert len(coverage_faults(plan, plan.model_copy(update={key: AROUND[key]}), entry(A), KNOWN, "")) == 1


def test_coverage_refuses_unit_that_used_the_grant() -> None:
    """A unit that has been changed under the grant is not changed again."""
    plan = report(entry(A))
    (reason,) = coverage_faults(plan, plan, entry(A), KNOWN, "done")
    assert reason == "x has been changed under this grant before; a grant is used once"
