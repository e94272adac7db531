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
from resources.records.ledger import keys
from tests.helpers.gate import USERS, Gate

pytestmark = pytest.mark.sandbox


def put(gate: Gate, person: str, name: str, value: str) -> None:
    client = gate.as_person(person).aws.client("ssm")
    client.put_parameter(Name=decision_parameter_name(gate.env, name), Value=value, Type="String", Overwrite=True)


def test_nothing_passes_before_it_is_approved_and_all_of_it_afterwards(gate: Gate) -> None:
    with pytest.raises(ApprovalMissing, match="no plan of it has been put up yet"):
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


def test_the_same_plan_is_asked_for_once(gate: Gate) -> None:
    first, second = gate.ask(), gate.ask()
    assert (first.is_new, second.is_new) == (True, False)
    assert first.state is not None
    assert second.state is not None
    assert first.state.request == second.state.request
    assert load_approved_plan(gate.context(), first.state.request.digest) == first.plan
    assert second.plan.compute_digest() == first.state.request.digest


def test_a_grant_is_used_once(gate: Gate) -> None:
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


def test_the_same_plan_a_second_time_needs_a_second_approval(gate: Gate) -> None:
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
    found = gate.decide(second)
    assert "names another request" in found.ignored[0]


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
    (key,) = [key for key in keys(gate.context(), "requests/") if request.id in key]
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
        (_rejected, "no plan of it has been put up yet"),
        (_superseded, "approved to become 2, now 1|became|would"),
        (_changed_value, "approved to become 1, now 3"),
        (_changed_file, "the environment's files"),
        (_changed_by_hand, "absent when approved|approved to create, now it would update"),
        (_edited_request, "no plan of it has been put up yet"),
        (_edited_plan, "was changed after it was written"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_forgery_does_not_pass(forge: Forgery, why: str, gate: Gate) -> None:
    gate.name += "-" + forge.__name__.strip("_").replace("_", "-")
    forge(gate)
    before = gate.stored("first")
    with pytest.raises(ApprovalMissing, match=why):
        gate.run("first")
    assert gate.stored("first") == before


@pytest.mark.parametrize("person", ["outsider", "initiator"])
def test_whom_aws_does_not_let_write_writes_no_grant(person: str, gate: Gate) -> None:
    request = gate.request()
    with pytest.raises(AccessDenied):
        gate.decide(request, person)


def test_the_pipeline_itself_writes_no_grant(gate: Gate) -> None:
    request = gate.request()
    with pytest.raises(AccessDenied):
        decisions.write_decision(gate.context(), request, "approve", "by the deployer role")


def test_two_sessions_of_one_role_are_no_two_people(gate: Gate) -> None:
    request = gate.request()
    for session in ("carol", "dave"):
        decisions.write_decision(gate.as_session("oncall", session), request, "approve", "it is me")
    found = gate.decide(request)
    assert (found.status, found.missing) == ("waiting", 2)
    assert "caller's choice" in found.ignored[0]


def test_a_user_and_the_role_that_fixes_the_session_name_are_one_person(gate: Gate) -> None:
    request = gate.request()
    decisions.write_decision(gate.as_session("oncall-named", "alice"), request, "approve", "as on-call")
    found = gate.decide(request, "alice")
    assert (found.status, found.approvers) == ("waiting", ("alice",))
    assert gate.decide(request, "bob").status == "granted"


def test_a_grant_of_another_environment_is_none_here(gate: Gate) -> None:
    grant(gate)
    elsewhere = gate.env.model_copy(update={"name": "other"})
    assert store.list_requests(Gate(elsewhere, gate.name).context(), 1) == []


def test_grants_end_by_aws_s_clock_not_by_ours(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_after_a_failure_the_rest_goes_on_under_the_same_grant(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_an_earlier_approval_that_no_longer_fits_is_said_and_asked_anew(gate: Gate) -> None:
    grant(gate)
    gate.values["second"] = "9"
    again = gate.ask()
    assert again.is_new
    assert "second value: approved to become 1, now 9" in " ".join(again.refusals)
    gate.run("first")


def test_requests_of_one_second_stand_in_the_order_in_which_they_were_asked_for(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, now = gate.context(), clock.server_time(gate.context())
    monkeypatch.setattr(store, "server_time", lambda _: now)
    asked: list[str] = []
    for number in range(7):
        digest = digest_of({"plan": number})
        asked.append(store.create_request(context, digest, f"{USERS}alice", store.list_requests(context, 1)).id)
    assert [request.id for request in store.list_requests(context, 1) if request.id in asked] == asked
