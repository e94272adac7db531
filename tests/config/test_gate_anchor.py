"""When a file's gate is less than the one that an administrator anchored."""

from __future__ import annotations

from typing import Any

import pytest

from resources.config.environment import Approval, Environment
from resources.config.gate_anchor import GateAnchor, anchor_of, lesser_terms

USER = "arn:aws:iam::000000000000:user/"
SET = "AROA4EXAMPLE5APPROVER"
GATE = Approval(
    before="applications", approvers=2, expires="4h", clean="required", allow=(f"{USER}alice", f"{USER}bo*")
)


def changed(**fields: Any) -> Approval:
    return Approval(**{**GATE.model_dump(), **fields})


@pytest.fixture
def anchor(sandbox_env: Environment) -> GateAnchor:
    return anchor_of(sandbox_env.model_copy(update={"approval": GATE}))


@pytest.mark.parametrize(
    "approval",
    [
        GATE,
        changed(before="cluster"),
        changed(approvers=3, allow=(f"{USER}alice", f"{USER}bob", f"{USER}bo*")),
        changed(expires="240m"),
        changed(allow=(f"{USER}alice", f"{USER}bob")),
        changed(people={"alice": [f"{USER}alice"], "bob": [f"{USER}bob"]}),
    ],
)
def test_gate_that_asks_for_as_much_or_more_is_not_less(approval: Approval, anchor: GateAnchor) -> None:
    """A file may ask for more than is anchored, and for fewer people among those who are."""
    assert lesser_terms(approval, anchor) == ()


@pytest.mark.parametrize(
    ("approval", "term"),
    [
        (None, "there is no approval; anchored: before applications"),
        (changed(before="observability"), "before is observability; anchored: applications"),
        (changed(approvers=1), "approvers is 1; anchored: 2"),
        (changed(expires="241m"), "expires is 241m; anchored: 240m"),
        (changed(exclude_initiator=False), "exclude_initiator is false; anchored: true"),
        (changed(ui=True), "ui is true; anchored: false"),
        (changed(clean=None), "clean is left out; anchored: required"),
        (changed(allow=()), "allow is empty; anchored: a list"),
        (changed(allow=(f"{USER}alice", f"{USER}mallory")), f"allow names {USER}mallory; that is not anchored"),
        (changed(allow=(f"{USER}*",)), f"allow names {USER}*; that is not anchored"),
        (changed(allow=(f"{USER}alice", f"{SET}:*")), f"allow names {SET}:*; that is not anchored"),
    ],
)
def test_each_way_of_asking_for_less_is_named(approval: Approval | None, term: str, anchor: GateAnchor) -> None:
    """Later, fewer, longer, oneself, from the UI, by others, or not at all."""
    assert lesser_terms(approval, anchor) == (term,)


def test_other_persons_are_less(sandbox_env: Environment) -> None:
    """Whoever is one person in the anchor is not two in the file."""
    people = {"alice": (f"{USER}alice", f"{USER}bob")}
    gate = changed(approvers=1, people=people)
    anchor = anchor_of(sandbox_env.model_copy(update={"approval": gate}))
    assert lesser_terms(gate, anchor) == ()
    assert lesser_terms(changed(approvers=1, people={}), anchor) == ("people is empty; anchored: a mapping",)
    apart = changed(approvers=1, people={"alice": [f"{USER}alice"], "bob": [f"{USER}bob"]})
    assert lesser_terms(apart, anchor) == (f"people maps {USER}bob to bob; that is not anchored",)


def test_environment_without_anchored_gate_may_have_any(sandbox_env: Environment) -> None:
    """Adding a gate is more; the anchor of an environment without one asks for none."""
    anchor = anchor_of(sandbox_env)
    assert anchor.before is None
    assert lesser_terms(None, anchor) == lesser_terms(GATE, anchor) == ()


def test_anchor_is_read_as_it_was_written(anchor: GateAnchor) -> None:
    """The parameter's JSON holds all of it."""
    assert GateAnchor.model_validate_json(anchor.model_dump_json()) == anchor
