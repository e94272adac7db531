"""The least gate, on the real ledger, parameters, users and roles: whoever edits a file or a role opens nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from resources.approval import decisions
from resources.approval.least_gate import refuse_lesser_gate
from resources.approval.record import ApprovalRecord, check_gate
from resources.config.names import gate_parameter
from resources.context import Context
from resources.model.errors import AccessDenied, ApprovalMissing, GateNotAnchored
from sandbox.credentials import credentials
from tests.helpers.embedded_aws_server import refused
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


def test_pipeline_writes_no_anchor(gate: Gate) -> None:
    """Deployer, planner and approvers are refused by AWS; they read it."""
    name = gate_parameter(gate.env)
    planner = Context.of(gate.env, planning=True)
    for context in (gate.context(), planner, gate.as_person("alice")):
        ssm = context.aws.client("ssm")
        assert ssm.get_parameter(Name=name)["Parameter"]["Value"]
        for operation, arguments in (
            (ssm.put_parameter, {"Name": name, "Value": "{}", "Overwrite": True}),
            (ssm.delete_parameter, {"Name": name}),
            (ssm.label_parameter_version, {"Name": name, "Labels": ["x"]}),
            (
                ssm.add_tags_to_resource,
                {"ResourceType": "Parameter", "ResourceId": name, "Tags": [{"Key": "a", "Value": "b"}]},
            ),
        ):
            assert "AccessDenied" in refused(operation, **arguments)


@pytest.fixture
def oncall_trust() -> Iterator[Any]:
    """Changes the trust policy of the role `oncall`, as somebody who may, and puts it back."""
    iam = credentials("root").client("iam")
    before = json.dumps(iam.get_role(RoleName="oncall")["Role"]["AssumeRolePolicyDocument"])

    def change(**condition: Any) -> None:
        document = json.loads(before)
        document["Statement"][0]["Condition"] = condition
        iam.update_assume_role_policy(RoleName="oncall", PolicyDocument=json.dumps(document))

    yield change
    iam.update_assume_role_policy(RoleName="oncall", PolicyDocument=before)


def test_votes_in_anybodys_name_do_not_count_after_the_role_was_changed(gate: Gate, oncall_trust: Any) -> None:
    """Vote as alice and as bob through a role whose session name is free, then make its trust policy demand it."""
    request = gate.request()
    for session in ("alice", "bob"):
        decisions.write_decision(gate.as_session("oncall", session), request, "approve", "forged")
    oncall_trust(StringEquals={"sts:RoleSessionName": "${aws:username}"})
    state = gate.decide(request)
    assert (state.status, state.missing) == ("waiting", 2)
    assert all("caller's choice" in line for line in state.ignored)
    with pytest.raises(ApprovalMissing):
        gate.run("first")


def test_voter_of_two_kinds_is_one_person(gate: Gate) -> None:
    """alice as IAM user and through Identity Center is one voice where both may approve at all."""
    sso = "AWSReservedSSO_Approver_0123456789abcdef"
    role_id = credentials("root").client("iam").get_role(RoleName=sso)["Role"]["RoleId"]
    users = {name: (f"arn:aws:iam::000000000000:user/{name}", f"{role_id}:{name}") for name in ("alice", "bob")}
    change_gate(gate, allow=tuple(identity for person in users.values() for identity in person), people=users)
    gate.anchor()
    request = gate.request()
    decisions.write_decision(gate.as_session(sso, "alice"), request, "approve", "as alice@sso")
    state = gate.decide(request, "alice")
    assert (state.status, state.approvers) == ("waiting", ("alice",))
    assert gate.decide(request, "bob").status == "granted"


def test_approvers_see_how_a_request_stands(gate: Gate) -> None:
    """With their own policy, after a vote through a role and after a rejection, and they write nothing by looking."""
    request = gate.request()
    decisions.write_decision(gate.as_session("oncall-named", "bob"), request, "approve", "as on-call")
    gate.decide(request, "carol", verdict="reject")
    states = ApprovalRecord.read(gate.as_person("alice"), gate.approval).states
    (state,) = [state for state in states if state.request == request]
    assert (state.status, state.by) == ("rejected", "carol")
    with pytest.raises(AccessDenied):
        ApprovalRecord.read(gate.as_person("outsider"), gate.approval)
