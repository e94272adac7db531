"""Decisions cannot be erased, expired or pushed out of history, tried by whoever may decide, on the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resources.approval.decisions import decision_json, decision_parameter_name, write_decision
from resources.approval.record import ApprovalRecord, record_ending
from resources.approval.rules import MOST_VERSIONS, ApprovalRequest
from resources.records.ledger import list_keys
from tests.approval.conftest import Account
from tests.helpers.embedded_aws_server import refused


def decide(aws_account: Account, request: ApprovalRequest, *people: str, verdict: Any = "approve") -> None:
    for person in people:
        write_decision(aws_account.context_of(person), request, verdict, f"{person} says so")


def put(aws_account: Account, person: str, request: ApprovalRequest, value: str = "", **more: Any) -> None:
    aws_account.aws(person).client("ssm").put_parameter(
        Name=decision_parameter_name(aws_account.env, request.id),
        Value=value or decision_json(request, "approve", "again"),
        Type="String",
        Overwrite=True,
        **more,
    )


def expiration() -> dict[str, str]:
    moment = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    policy = {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": moment}}
    return {"Tier": "Advanced", "Policies": json.dumps([policy])}


Attack = Callable[[Any, str], str]
ATTACKS: dict[str, Attack] = {
    "expire": lambda ssm, name: refused(
        ssm.put_parameter, Name=name, Value="x", Type="String", Overwrite=True, **expiration()
    ),
    "notify": lambda ssm, name: refused(
        ssm.put_parameter,
        Name=name,
        Value="x",
        Overwrite=True,
        Tier="Intelligent-Tiering",
        Policies='[{"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": "1", "Unit": "Days"}}]',
    ),
    "delete": lambda ssm, name: refused(ssm.delete_parameter, Name=name),
    "delete several": lambda ssm, name: refused(ssm.delete_parameters, Names=["/other", name]),
    "label": lambda ssm, name: refused(ssm.label_parameter_version, Name=name, Labels=["kept"]),
    "unlabel": lambda ssm, name: refused(ssm.unlabel_parameter_version, Name=name, ParameterVersion=1, Labels=["kept"]),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_approver_cannot_erase_decisions(attack: str, aws_account: Account) -> None:
    """AWS refuses an approver each way to make a decision vanish; the rejection stays."""
    request = aws_account.ask(f"erase by {attack}")
    decide(aws_account, request, "alice", verdict="reject")
    ssm = aws_account.aws("bob").client("ssm")
    assert "AccessDenied" in ATTACKS[attack](ssm, decision_parameter_name(aws_account.env, request.id))
    decide(aws_account, request, "bob", "carol")
    assert aws_account.state(request).status == "rejected"


def test_decisions_that_are_to_expire_close_request(aws_account: Account) -> None:
    """A parameter that somebody else, whom AWS lets, has given an expiration closes the request, for good."""
    request = aws_account.ask("expiring")
    decide(aws_account, request, "alice")
    put(aws_account, "root", request, **expiration())
    state = aws_account.state(request)
    assert state.status == "closed"
    assert "AWS was told to delete its decisions, by arn:aws:iam::000000000000:root" in state.reason
    record_ending(aws_account.context(), state)
    record_ending(aws_account.context(), state)
    assert list_keys(aws_account.context(), f"rejections/{request.id}") == [f"rejections/{request.id}.closed.json"]
    aws_account.aws("root").client("ssm").delete_parameter(Name=decision_parameter_name(aws_account.env, request.id))
    decide(aws_account, request, "alice", "bob")
    later = aws_account.state(request)
    assert (later.status, later.reason, later.missing) == ("closed", state.reason, 2)


def test_many_decisions_close_request_before_aws_forgets_one(aws_account: Account) -> None:
    """With as many versions as come near to AWS's limit, the request is closed, and pushing on does not open it."""
    request = aws_account.ask("many")
    decide(aws_account, request, "carol", verdict="neither")
    for _ in range(MOST_VERSIONS - 2):
        put(aws_account, "alice", request)
    assert aws_account.state(request).status == "waiting"
    put(aws_account, "bob", request)
    assert aws_account.state(request).status == "closed"
    for _ in range(12):
        put(aws_account, "bob", request)
    state = aws_account.state(request)
    assert (state.status, state.approvers) == ("closed", ())
    assert "its history has 102 versions, and AWS keeps 100" in state.reason


def test_closed_request_ends_what_was_granted_before_it(aws_account: Account) -> None:
    """Who knows whether what is lost was a rejection: the grants before it end, as with one; the next one holds."""
    granted, closed = aws_account.ask("granted"), aws_account.ask("closed after it")
    decide(aws_account, granted, "alice", "bob")

    def holding() -> ApprovalRequest | None:
        states = tuple(aws_account.state(request) for request in (granted, closed, later) if request)
        record = ApprovalRecord(aws_account.context(), states, {})
        record.record_rejections()
        return record.grant.request if record.grant else None

    later: ApprovalRequest | None = None
    assert holding() == granted
    put(aws_account, "root", closed, **expiration())
    assert holding() is None
    aws_account.aws("root").client("ssm").delete_parameter(Name=decision_parameter_name(aws_account.env, closed.id))
    assert holding() is None
    later = aws_account.ask("after both")
    decide(aws_account, later, "alice", "bob")
    assert holding() == later


NO_DECISIONS = {
    "deep": "[" * 4000,
    "digits": "9" * 4400,
    "null": "null",
    "list": "[]",
    "text": '"approve"',
    "not-json": "approve",
    "nan": '{"decision": "approve", "seconds": NaN}',
}


def test_what_is_no_decision_is_named_and_ignored(aws_account: Account) -> None:
    """Values of every shape leave the request open, and each is among what does not count."""
    request = aws_account.ask("shapes")
    for value in NO_DECISIONS.values():
        put(aws_account, "alice", request, value)
    decide(aws_account, request, "alice", "bob")
    state = aws_account.state(request)
    assert state.status == "granted"
    assert len(state.ignored) == len(NO_DECISIONS)


@pytest.mark.parametrize("seconds", [-(10**300), 0, True, "60", 1.5, [1]])
def test_approval_for_time_that_is_none_does_not_count(seconds: object, aws_account: Account) -> None:
    """A life that is no number of seconds makes an approval void, and a rejection none the less valid."""
    request = aws_account.ask(f"seconds {seconds}")
    for verdict, status in (("approve", "waiting"), ("reject", "rejected")):
        written = {**json.loads(decision_json(request, verdict, "x")), "seconds": seconds}
        put(aws_account, "alice", request, json.dumps(written))
        assert aws_account.state(request).status == status


def test_rejection_with_half_a_character_is_kept(aws_account: Account) -> None:
    """Half a character in the reason does not keep the pipeline from recording the rejection."""
    request = aws_account.ask("half a character")
    words = decision_json(request, "reject", "no").replace('"no"', '"no \\ud800"')
    put(aws_account, "alice", request, words)
    state = aws_account.state(request)
    record_ending(aws_account.context(), state)
    assert (state.status, state.reason) == ("rejected", "no ?")
    assert list_keys(aws_account.context(), f"rejections/{request.id}")
