"""Who asked for approval, and what it takes where nobody proved that."""

from __future__ import annotations

import pytest

from eks_assets.engine.approval_request import approval_notification, describe_initiator
from resources.approval import store
from resources.approval.rules import RequestState
from resources.model.errors import ApprovalMissing
from sandbox.credentials import Keys, credentials, session
from tests.helpers.gate import USERS, Gate

pytestmark = pytest.mark.sandbox


def ask(gate: Gate, keys: Keys | None = None, **how: str) -> RequestState:
    state = gate.ask(keys, **how).state
    assert state is not None
    return state


def test_request_of_a_person_takes_as_many_as_environment_says(gate: Gate) -> None:
    """A user who asks is a person: two others are enough, and the user is none of them."""
    state = ask(gate, credentials("carol"))
    assert (state.unproved, state.missing, state.request.initiator) == ("", 2, f"{USERS}carol")
    assert gate.decide(state.request, "carol", "alice").status == "waiting"
    assert gate.decide(state.request, "bob").approvers == ("alice", "bob")


def test_repeated_deploy_keeps_initiator(gate: Gate) -> None:
    """Whoever asks again for a request that waits does not become its initiator, nor does the first one cease to be."""
    first = ask(gate, credentials("alice"))
    for keys in (credentials("bob"), credentials("root"), session("oncall", "alice", "bob")):
        again = ask(gate, keys)
        assert (again.request, again.unproved) == (first.request, "")
    assert [one.initiator for one in store.list_requests(gate.context(), 1) if one.digest == first.request.digest] == [
        f"{USERS}alice"
    ]
    assert gate.decide(first.request, "alice", "bob").missing == 1


@pytest.mark.parametrize("who", ["root", "free session", "Dagster"])
def test_request_of_nobody_proved_takes_three(who: str, gate: Gate) -> None:
    """The account's root, a free session name and Dagster prove nobody: two approvers do not open the gate."""
    keys = {"root": credentials("root"), "free session": session("oncall", "alice", "bob")}.get(who)
    gate.name += f"-{who.replace(' ', '-')}"
    state = ask(gate, keys, **({"through": "Dagster"} if who == "Dagster" else {}))
    assert "nobody proved who asked" in describe_initiator(state)
    with pytest.raises(ApprovalMissing, match="3 of 3 missing"):
        gate.run("first")
    assert gate.decide(state.request, "alice", "bob").missing == 1
    with pytest.raises(ApprovalMissing, match="1 of 3 missing"):
        gate.run("first")
    assert gate.decide(state.request, "carol").status == "granted"
    gate.run("first")
    mail = approval_notification(gate.env, state, gate.ask().plan).sendable_message()
    assert "3 approvals by different people" in mail
    assert "nobody proved who asked" in mail


def test_request_that_nobody_could_grant_is_not_put_up(gate: Gate) -> None:
    """With two in approval.allow and nobody proved, the error says how to ask as a person; as one, it is put up."""
    allow = (f"{USERS}alice", f"{USERS}bob")
    gate.env = gate.env.model_copy(update={"approval": gate.approval.model_copy(update={"allow": allow})})
    before = store.list_requests(gate.context(), 1)
    with pytest.raises(ApprovalMissing, match="takes 3 approvers, and") as refused:
        gate.ask(credentials("root"))
    assert "eks-assets sandbox env --as initiator" in refused.value.next_step
    assert store.list_requests(gate.context(), 1) == before
    assert ask(gate).missing == 2
