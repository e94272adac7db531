"""A removal passes the gate that a deploy passes, with a plan of its own; a protected environment is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from eks_assets.engine.teardown.removal import TeardownResult, destroy_environment
from resources.approval import store
from resources.approval.store import list_requests
from resources.config.environment import Environment
from resources.model.errors import ApprovalMissing, ApprovalStale, Refused
from resources.records.change_entry import list_entries
from tests.helpers.embedded_gate import EmbeddedGate, GateAccount, gate_account

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def gate(sandbox_env: Environment, account: GateAccount) -> EmbeddedGate:
    """A gate before an environment whose one parameter is deployed and that may be destroyed."""
    own = account.gate(sandbox_env, f"away{next(NUMBERS)}")
    own.decide(own.request(), "alice", "bob")
    own.run("first")
    own.env = own.env.model_copy(update={"protected": False})
    return own


def destroy(gate: EmbeddedGate, **how: Any) -> TeardownResult:
    how = {"delete_data": False, "wait_for_lease": 0.0, **how}
    return destroy_environment(gate.registry(), gate.context("run-2"), **how)


def is_there(gate: EmbeddedGate) -> bool:
    pages = gate.context().aws.client("ssm").get_paginator("describe_parameters").paginate()
    return gate.path("first") in {p["Name"] for page in pages for p in page["Parameters"]}


def request_of(gate: EmbeddedGate, **how: Any) -> Any:
    """The request that the refused removal has put up."""
    with pytest.raises(ApprovalMissing):
        destroy(gate, **how)
    return list_requests(gate.context(), 24)[-1]


def test_gated_environment_is_protected_until_its_file_says_otherwise(gate: EmbeddedGate) -> None:
    """The line to write is named, and nothing was asked for or removed."""
    gate.env = gate.env.model_copy(update={"protected": None})
    with pytest.raises(Refused, match="is protected") as refused:
        destroy(gate)
    assert refused.value.exit_code == 2
    assert "protected: false" in refused.value.next_step
    assert is_there(gate)


def test_removal_waits_for_two_approvers(gate: EmbeddedGate) -> None:
    """It is carried out by the next run after both have approved it, and recorded with the grant."""
    with pytest.raises(ApprovalMissing, match="waits for approval") as missing:
        destroy(gate)
    assert f"eks-assets destroy {gate.env.name} --confirm {gate.env.name}" in missing.value.next_step
    request = request_of(gate)
    gate.decide(request, "alice")
    with pytest.raises(ApprovalMissing):
        destroy(gate)
    assert is_there(gate)
    gate.decide(request, "bob")
    assert destroy(gate).is_complete
    assert not is_there(gate)
    (entry,) = [e for e in list_entries(gate.context()) if (e["unit"], e["action"]) == ("first", "delete")]
    assert entry["grant"]["digest"] == request.digest


def test_grant_of_a_deploy_covers_no_removal(gate: EmbeddedGate) -> None:
    """A deploy that two people approved does not let the environment be destroyed."""
    gate.values["first"] = "2"
    asked = gate.request()
    gate.decide(asked, "alice", "bob")
    assert request_of(gate).digest != asked.digest
    assert is_there(gate)


def test_grant_of_a_removal_covers_no_deploy(gate: EmbeddedGate) -> None:
    """Who approved that all goes has approved no change of it."""
    gate.decide(request_of(gate), "alice", "bob")
    gate.values["first"] = "2"
    with pytest.raises(ApprovalStale, match="what it is a plan for: approved destroy, now deploy"):
        gate.run("first")


def test_grant_to_keep_data_covers_no_removal_of_data(gate: EmbeddedGate) -> None:
    """--delete-data is part of what is approved."""
    gate.decide(request_of(gate), "alice", "bob")
    with pytest.raises(ApprovalMissing):
        destroy(gate, delete_data=True)
    assert is_there(gate)


def test_grant_is_used_once(gate: EmbeddedGate) -> None:
    """What is deployed again after its removal takes another approval."""
    gate.decide(request_of(gate), "alice", "bob")
    assert destroy(gate).is_complete
    gate.decide(gate.request(), "alice", "bob")
    gate.run("first")
    with pytest.raises(ApprovalMissing):
        destroy(gate)
    assert is_there(gate)


def test_grant_of_a_killed_removal_is_used_up_by_the_next(gate: EmbeddedGate) -> None:
    """A run that is killed after its last unit has noted only that it began."""
    request = request_of(gate)
    gate.decide(request, "alice", "bob")
    store.record_use(gate.context(), request, "first", "started")
    gate.context().aws.client("ssm").delete_parameter(Name=gate.path("first"))
    assert destroy(gate).is_complete
    assert store.ALL_UNITS in store.list_uses(gate.context(), request)


def test_environment_without_a_gate_is_refused_where_its_file_protects_it(gate: EmbeddedGate) -> None:
    """Whoever wants that writes it."""
    gate = replace(gate, env=gate.env.model_copy(update={"approval": None, "protected": True}))
    with pytest.raises(Refused, match="`protected: true`"):
        destroy(gate)
