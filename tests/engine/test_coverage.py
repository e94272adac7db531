"""What is pending must be a subset of what was approved."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.engine.coverage import uncovered
from eks_assets.plan.model import Entry, Field
from resources.model.outputs import Outputs, Pending, fill_in
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
    return uncovered(plan, plan, now, KNOWN, "started" if started else "")


A, B = field("a", 1, 2), field("b", None, "x")


def test_the_same_and_less_are_covered() -> None:
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
def test_anything_else_is_not(now: Entry, why: str) -> None:
    found = deviations(entry(A, B), now)
    assert any(why in line for line in found), found


def test_a_chart_pushed_again_under_its_version_is_not_covered() -> None:
    approved = entry(A, facts={"chart": "sha256:1", "manifest": "sha256:m"})
    again = entry(A, facts={"chart": "sha256:2", "manifest": "sha256:m"})
    assert "the chart is not what was approved" in deviations(approved, again)[0]
    assert deviations(approved, entry(A, facts={"chart": "sha256:1", "manifest": "sha256:m"})) == ()


def test_after_its_own_failure_a_unit_goes_on_from_where_it_is() -> None:
    failed = entry(A, field("status", "failed", "deployed"), observed={"status": "failed", "revision": "4"})
    assert deviations(entry(A, B), failed) != ()
    assert deviations(entry(A, B), failed, started=True) == ()
    created = entry(A, B, action="create", observed={"status": "absent"})
    assert deviations(created, failed, started=True) == ()
    assert deviations(entry(A, B), entry(A, field("c", 1, 2)), started=True) != ()


def test_what_nobody_knew_is_filled_in_before_it_is_compared() -> None:
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


def test_something_new_is_not_made_with_less_than_was_approved() -> None:
    encrypted, subnets = field("Encrypted", None, True), field("subnets[0]", None, str(Pending("config", "subnets")))
    approved = new(encrypted, subnets, known_after_apply=["config.subnets"])
    all_of_it = field("subnets[0]", None, "a"), field("subnets[1]", None, "b")
    assert deviations(approved, new(encrypted, *all_of_it)) == ()
    assert deviations(approved, new(*all_of_it)) == ("x Encrypted: was approved and would be left out",)
    assert deviations(approved, new(encrypted, all_of_it[0])) == ("x subnets[1]: was approved and would be left out",)
    manifest = new(field("NetworkPolicy shop/deny", None, {"kind": "NetworkPolicy"}), encrypted)
    assert "NetworkPolicy shop/deny" in deviations(manifest, new(encrypted))[0]


def test_what_a_unit_has_made_before_it_failed_is_not_left_out() -> None:
    halfway = entry(B, observed={"status": "failed"})
    assert deviations(new(A, B), halfway, started=True) == ()
    assert deviations(new(A, B), new(B), started=True) == ()


def test_what_need_not_be_made_any_more_is_not_left_out() -> None:
    object_of_others = field("CustomResourceDefinition/gateways.example.com", None, "(exists)")
    chart = {"chart": "sha256:1"}
    assert deviations(new(B, object_of_others, facts=chart), new(B, facts=chart)) == ()
    as_in_the_template = field("values.commit", "c0ffee", str(Pending("config", "commit")))
    assert deviations(new(B, as_in_the_template, known_after_apply=["config.commit"]), new(B)) == ()


@pytest.mark.parametrize("key", AROUND)
def test_everything_around_the_change_must_be_the_same(key: str) -> None:
    plan = report(entry(A))
    assert uncovered(plan, plan, entry(A), KNOWN, "") == ()
    assert len(uncovered(plan, plan.model_copy(update={key: AROUND[key]}), entry(A), KNOWN, "")) == 1


def test_a_unit_that_is_done_under_the_grant_is_not_changed_again() -> None:
    plan = report(entry(A))
    (reason,) = uncovered(plan, plan, entry(A), KNOWN, "done")
    assert reason == "x has been changed under this grant before; a grant is used once"


def test_a_token_of_an_unknown_unit_stays() -> None:
    token = Pending("other", "thing").token
    assert fill_in([token, "x"], KNOWN) == [token, "x"]
    several = Pending("config", "subnets").token
    assert fill_in(f"{several}!", KNOWN) == "a,b!"
