"""The least gate stands inside each unit: whoever edits the file opens nothing. tests/approval has who decides."""

from __future__ import annotations

from typing import Any

import pytest

from resources.approval.least_gate import refuse_lesser_gate
from resources.approval.record import check_gate
from resources.config.names import gate_parameter
from resources.model.errors import GateNotAnchored
from tests.conftest import Cli
from tests.helpers.gate import PEOPLE, Gate

pytestmark = pytest.mark.sandbox


def change_gate(gate: Gate, **fields: Any) -> None:
    """One commit to the environment's file."""
    gate.env = gate.env.model_copy(update={"approval": gate.approval.model_copy(update=fields)})


def remove_anchor(gate: Gate) -> None:
    """The account as a bootstrap of before left it."""
    gate.as_person("root").aws.client("ssm").delete_parameter(Name=gate_parameter(gate.env))


@pytest.mark.parametrize(
    ("fields", "term"),
    [
        ({"approvers": 1}, "approvers is 1; anchored: 2"),
        ({"before": "observability"}, "before is observability; anchored: applications"),
        ({"exclude_initiator": False}, "exclude_initiator is false"),
        ({"ui": True}, "ui is true"),
        ({"allow": (*PEOPLE, "arn:aws:iam::000000000000:user/mallory")}, "allow names arn:aws:iam::0.*/mallory"),
    ],
)
def test_file_that_asks_for_less_changes_nothing(fields: dict[str, Any], term: str, gate: Gate) -> None:
    """Neither what lies behind the gate nor what lies before it is changed, and nothing is submitted."""
    gate.name += "-" + next(iter(fields))
    change_gate(gate, **fields)
    with pytest.raises(GateNotAnchored, match=term):
        gate.run("first")
    with pytest.raises(GateNotAnchored, match=term):
        gate.ask()
    assert gate.stored("first") is None


def test_file_that_lost_its_gate_changes_nothing(gate: Gate) -> None:
    """Without `approval` no unit is behind a gate by the file; the anchor says that some are."""
    gate.env = gate.env.model_copy(update={"approval": None})
    with pytest.raises(GateNotAnchored, match="there is no approval; anchored: before applications"):
        gate.run("first")
    assert gate.stored("first") is None


def test_file_may_ask_for_more(gate: Gate) -> None:
    """One more approver than is anchored needs no administrator."""
    change_gate(gate, approvers=3)
    assert gate.decide(gate.request(), "alice", "bob").missing == 1


def test_gate_without_anchor_submits_nothing_and_keeps_grants(gate: Gate) -> None:
    """A bootstrap of before has no anchor: no new request, with the command; a grant of before goes on."""
    gate.decide(gate.request(), "alice", "bob")
    remove_anchor(gate)
    check_gate(gate.context())
    gate.run("first")
    gate.values["second"] = "other"
    with pytest.raises(GateNotAnchored, match="an administrator runs: eks-assets bootstrap sandbox --apply"):
        gate.ask()
    gate.env = gate.env.model_copy(update={"approval": None})
    refuse_lesser_gate(gate.context())


def test_gate_without_anchor_and_grant_is_refused(gate: Gate) -> None:
    """Neither deploy nor a unit goes on where no administrator has anchored the gate."""
    remove_anchor(gate)
    for attempt in (lambda: check_gate(gate.context()), lambda: gate.run("first"), gate.ask):
        with pytest.raises(GateNotAnchored, match="is not anchored yet"):
            attempt()


@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_command_ends_as_wrong_input(verb: str, gate: Gate, eks_assets: Cli) -> None:
    """The file of `sandbox` has no gate: exit code 2, with the way out, before anything is looked at."""
    done = eks_assets(verb, "sandbox")
    assert done.returncode == 2, done.stdout
    assert "there is no approval; anchored: before applications" in done.stderr
    assert "an administrator runs: eks-assets bootstrap sandbox --apply" in done.stderr
