"""The gate, and everything that must not pass it: on the real ledger, parameters, users, roles and lease."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from eks_assets.engine.gate import load_approved_plan
from resources.approval import decisions, record, store
from resources.approval.decisions import decision_json, decision_parameter_name
from resources.approval.store import load_plan
from resources.config.names import ledger_bucket
from resources.model.digests import digest_of
from resources.model.errors import AccessDenied, ApprovalMissing, ApprovalStale, PipelineError
from resources.records import clock
from resources.records.ledger import list_keys
from tests.helpers.gate import USERS, Gate

pytestmark = pytest.mark.sandbox


def put(gate: Gate, person: str, name: str, value: str) -> None:
    client = gate.as_person(person).aws.client("ssm")
    client.put_parameter(Name=decision_parameter_name(gate.env, name), Value=value, Type="String", Overwrite=True)


def test_gate_opens_after_required_approvals(gate: Gate) -> None:
    """Nothing is applied before two people have approved, and the whole request afterwards."""
    with pytest.raises(ApprovalMissing, match="no plan of it has been submitted yet"):
        gate.run("first")
    asked = gate.ask()
    assert asked.is_new
    assert asked.plan.units == ("first", "second")
    assert asked.state is not None
    request = asked.state.request
    with pytest.raises(ApprovalMissing, match="2 of 2 missing"):
        gate.run("first")
    assert gate.decide(request, "alice").status == "waiting"
    with pytest.raises(ApprovalMissing, match="1 of 2 missing"):
        gate.run("first")
    assert gate.stored("first") is None
    granted = gate.decide(request, "bob")
    assert (granted.status, granted.approvers) == ("granted", ("alice", "bob"))
    assert gate.ask().is_granted
    gate.run("first")
    gate.run("second", run="run-2")
    assert (gate.stored("first"), gate.stored("second")) == ("1", "1")
    assert gate.ask().state is None


def test_gate_asks_once_for_same_plan(gate: Gate) -> None:
    """Asking for the same plan again finds the open request and its stored plan."""
    first, second = gate.ask(), gate.ask()
    assert (first.is_new, second.is_new) == (True, False)
    assert first.state is not None
    assert second.state is not None
    assert first.state.request == second.state.request
    assert load_approved_plan(gate.context(), first.state.request.digest) == first.plan
    assert second.plan.compute_digest() == first.state.request.digest


def test_grant_is_used_once_per_unit(gate: Gate) -> None:
    """A unit changes once under a grant; the next change needs a new request."""
    gate.decide(gate.request(), "alice", "bob")
    gate.run("first")
    gate.context().aws.client("ssm").delete_parameter(Name=gate.path("first"))
    with pytest.raises(ApprovalStale, match="a grant is used once"):
        gate.run("first")
    gate.run("second")
    with pytest.raises(ApprovalMissing):
        gate.run("first")
    again = gate.ask()
    assert again.is_new
    assert again.plan.units == ("first",)


def test_used_plan_needs_second_approval(gate: Gate) -> None:
    """The same digest asked for later is another request: votes for the first one, even replayed, do not count."""
    first = gate.request()
    gate.decide(first, "alice", "bob")
    gate.run("first")
    gate.run("second")
    for which in ("first", "second"):
        gate.context().aws.client("ssm").delete_parameter(Name=gate.path(which))
    second = gate.request()
    assert second.digest == first.digest
    assert second.id != first.id
    assert gate.decide(second).status == "waiting"
    put(gate, "alice", second.id, decision_json(first, "approve", "replayed"))
    state = gate.decide(second)
    assert "names another request" in state.ignored[0]


def grant(gate: Gate) -> None:
    gate.decide(gate.request(), "alice", "bob")


Forgery = Callable[[Gate], None]


def _another_digest(gate: Gate) -> None:
    request = gate.request()
    for person in ("alice", "bob"):
        words = json.loads(decision_json(request, "approve", "x"))
        put(gate, person, request.id, json.dumps({**words, "digest": "sha256:" + "0" * 64}))


def _same_approver_twice(gate: Gate) -> None:
    gate.decide(gate.request(), "alice", "alice")


def _initiator(gate: Gate) -> None:
    digest = gate.request().digest
    context = gate.context()
    mine = store.create_request(context, digest, f"{USERS}alice", store.list_requests(context, 1))
    gate.decide(mine, "alice", "bob")


def _rejected(gate: Gate) -> None:
    request = gate.request()
    gate.decide(request, "alice", "bob")
    gate.decide(request, "bob", verdict="reject")
    put(gate, "alice", request.id, decision_json(request, "approve", "again"))
    put(gate, "bob", request.id, decision_json(request, "approve", "again"))


def _superseded(gate: Gate) -> None:
    old = gate.request()
    gate.values["first"] = "2"
    new = gate.request()
    gate.decide(old, "alice", "bob")
    gate.decide(new, "alice", "bob")
    gate.values["first"] = "1"


def _changed_value(gate: Gate) -> None:
    grant(gate)
    gate.values["first"] = "3"


def _changed_file(gate: Gate) -> None:
    grant(gate)
    gate.env = gate.env.model_copy(update={"email_subscriptions": ("someone@example.com",)})


def _changed_by_hand(gate: Gate) -> None:
    grant(gate)
    gate.context().aws.client("ssm").put_parameter(Name=gate.path("first"), Value="by hand", Type="String")


def _edited_request(gate: Gate) -> None:
    request = gate.request()
    gate.decide(request, "alice", "bob")
    (key,) = [key for key in list_keys(gate.context(), "requests/") if request.id in key]
    admin = gate.as_person("root").aws.client("s3")
    body = json.dumps({**request.document(), "initiator": "nobody"})
    admin.put_object(Bucket=ledger_bucket(gate.env), Key=key, Body=body)


def _edited_plan(gate: Gate) -> None:
    request = gate.request()
    gate.decide(request, "alice", "bob")
    gate.values["first"] = "4"
    document = json.loads(load_plan(gate.context(), request.digest))
    document["changes"][0]["fields"][0]["after"] = "4"
    key = f"releases/{request.digest.removeprefix('sha256:')}.json"
    admin = gate.as_person("root").aws.client("s3")
    admin.put_object(Bucket=ledger_bucket(gate.env), Key=key, Body=json.dumps(document))


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (_another_digest, "2 of 2 missing"),
        (_same_approver_twice, "1 of 2 missing"),
        (_initiator, "1 of 2 missing"),
        (_rejected, "no plan of it has been submitted yet"),
        (_superseded, "approved to become 2, now 1"),
        (_changed_value, "approved to become 1, now 3"),
        (_changed_file, "the environment's files"),
        (_changed_by_hand, "approved to create, now it would update"),
        (_edited_request, "no plan of it has been submitted yet"),
        (_edited_plan, "was changed after it was written"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_forged_approval_does_not_open_gate(forge: Forgery, why: str, gate: Gate) -> None:
    """No forged, outdated or edited approval lets a unit be applied, and the error says why."""
    gate.name += "-" + forge.__name__.strip("_").replace("_", "-")
    forge(gate)
    before = gate.stored("first")
    with pytest.raises(ApprovalMissing, match=why):
        gate.run("first")
    assert gate.stored("first") == before


@pytest.mark.parametrize("person", ["outsider", "initiator"])
def test_person_without_approver_policy_writes_no_decision(person: str, gate: Gate) -> None:
    """AWS refuses the decision of a person without the approver policy."""
    request = gate.request()
    with pytest.raises(AccessDenied):
        gate.decide(request, person)


def test_deployer_writes_no_decision(gate: Gate) -> None:
    """AWS refuses a decision by the deployer role."""
    request = gate.request()
    with pytest.raises(AccessDenied):
        decisions.write_decision(gate.context(), request, "approve", "by the deployer role")


def test_sessions_of_one_role_are_not_two_people(gate: Gate) -> None:
    """Two sessions of a role, whose names the caller chooses, do not make two approvers."""
    request = gate.request()
    for session in ("carol", "dave"):
        decisions.write_decision(gate.as_session("oncall", session), request, "approve", "it is me")
    state = gate.decide(request)
    assert (state.status, state.missing) == ("waiting", 2)
    assert "caller's choice" in state.ignored[0]


def test_user_and_role_with_fixed_name_are_one_person(gate: Gate) -> None:
    """A user and the session of a role that fixes the session name to that user are one approver."""
    request = gate.request()
    decisions.write_decision(gate.as_session("oncall-named", "alice"), request, "approve", "as on-call")
    state = gate.decide(request, "alice")
    assert (state.status, state.approvers) == ("waiting", ("alice",))
    assert gate.decide(request, "bob").status == "granted"


def test_grant_of_other_environment_does_not_count(gate: Gate) -> None:
    """Requests and grants of an environment are not listed for another."""
    grant(gate)
    elsewhere = gate.env.model_copy(update={"name": "other"})
    assert store.list_requests(Gate(elsewhere, gate.name).context(), 1) == []


def test_grant_expires_by_aws_clock(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grant expires by AWS's clock; the clock of this machine changes nothing."""
    gate.env = gate.env.model_copy(update={"approval": gate.approval.model_copy(update={"expires": "30m"})})
    grant(gate)

    def later(context: Any) -> dt.datetime:
        return clock.server_time(context) + dt.timedelta(minutes=31)

    monkeypatch.setattr(record, "server_time", later)
    with pytest.raises(ApprovalMissing):
        gate.run("first")
    monkeypatch.undo()
    ours = time.time
    monkeypatch.setattr(time, "time", lambda: ours() + 45 * 60)
    gate.run("first")
    assert gate.stored("first") == "1"


def test_grant_covers_retry_after_failure(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit that failed under a grant is retried under the same grant."""
    grant(gate)
    gate.run("first")

    def fail(*_: object) -> None:
        raise PipelineError("the network went away")

    monkeypatch.setattr("resources.drivers.parameter.ParameterDriver.apply", fail)
    with pytest.raises(PipelineError, match="went away"):
        gate.run("second")
    monkeypatch.undo()
    gate.run("second", run="run-2")
    assert gate.stored("second") == "1"


def test_changed_plan_is_asked_again_with_deviations(gate: Gate) -> None:
    """Where the granted plan no longer fits, a new request says what deviates; units that still fit may run."""
    grant(gate)
    gate.values["second"] = "9"
    again = gate.ask()
    assert again.is_new
    assert "second value: approved to become 1, now 9" in " ".join(again.refusals)
    gate.run("first")


def test_requests_of_one_second_keep_their_order(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests made in the same second are listed in the order in which they were made."""
    context, now = gate.context(), clock.server_time(gate.context())
    monkeypatch.setattr(store, "server_time", lambda _: now)
    asked: list[str] = []
    for number in range(7):
        digest = digest_of({"plan": number})
        asked.append(store.create_request(context, digest, f"{USERS}alice", store.list_requests(context, 1)).id)
    assert [request.id for request in store.list_requests(context, 1) if request.id in asked] == asked
