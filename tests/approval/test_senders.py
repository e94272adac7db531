"""Who sent a deploy request, by the id that SQS gives of them, cannot approve what it led to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from resources.approval.decisions import write_decision
from resources.approval.electorate import Approvers
from resources.approval.store import create_request, publish_plan
from resources.config.environment import Approval
from resources.config.gate_anchor import AnchoredRole, GateAnchor
from tests.approval.conftest import USERS, Account
from tests.helpers.embedded_aws_server import policy

QUEUE_POLICY = json.dumps(policy("sqs:SendMessage", Principal={"AWS": f"{USERS}alice"}, Resource="*"))


@pytest.fixture
def sender_of(aws_account: Account) -> Callable[[Any], str]:
    """Sends a message with a client's keys, and returns whom SQS names for it."""
    root = aws_account.aws("root").client("sqs")
    url = root.create_queue(QueueName="requests", Attributes={"Policy": QUEUE_POLICY})["QueueUrl"]

    def send(sqs: Any) -> str:
        sqs.send_message(QueueUrl=url, MessageBody="{}")
        (message,) = root.receive_message(QueueUrl=url, MessageSystemAttributeNames=["SenderId"])["Messages"]
        root.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Attributes"]["SenderId"])

    return send


def test_sender_of_message_cannot_approve(aws_account: Account, sender_of: Callable[[Any], str]) -> None:
    """A user who sent the message is excluded by the id that SQS names, and three others would have to approve."""
    sender = sender_of(aws_account.aws("alice").client("sqs"))
    assert sender.startswith("AIDA")
    context = aws_account.context()
    digest = publish_plan(context, {"plan": "sent"})
    request = create_request(context, digest, f"{USERS}initiator", [], through="Dagster", sender=sender)
    for person in ("alice", "bob", "carol"):
        write_decision(aws_account.context_of(person), request, "approve", "fine")
    state = aws_account.state(request)
    assert (state.status, state.approvers, state.missing) == ("waiting", ("bob", "carol"), 1)
    assert any("user/alice: whoever asked for approval" in line for line in state.ignored)


def test_root_is_named_by_account(aws_account: Account, sender_of: Callable[[Any], str]) -> None:
    """The account's root has no id of its own."""
    assert sender_of(aws_account.aws("root").client("sqs")) == "000000000000"


NAMED = AnchoredRole(name="named", arn="arn:x", id="AROANAMED", trust="", fixes_session_name=True)
FREE = AnchoredRole(name="free", arn="arn:x", id="AROAFREE", trust="", fixes_session_name=False)
SSO = "AROA4EXAMPLE5APPROVER"


@pytest.mark.parametrize(
    ("gate", "sender", "is_alice"),
    [
        ({}, "AROANAMED:alice", True),
        ({}, "AROAFREE:alice", False),
        ({}, "AROAOTHER:alice", False),
        ({}, "", False),
        ({"people": {"alice": (f"{USERS}alice", f"{SSO}:a@example.com")}}, f"{SSO}:a@example.com", True),
        ({"people": {"alice": (f"{USERS}alice",), "al": (f"{SSO}:alice",)}}, f"{SSO}:alice", False),
    ],
)
def test_session_that_sent_is_its_person(
    gate: dict[str, Any], sender: str, is_alice: bool, aws_account: Account
) -> None:
    """A session whose name is fixed, or that `people` names, is the user it stands for."""
    approval = Approval(before="applications", allow=(f"{USERS}*", f"{SSO}:*"), **gate)
    approvers = Approvers(aws_account.context(), approval, GateAnchor(roles=(NAMED, FREE)))
    assert approvers.is_sender(f"{USERS}alice", sender) is is_alice
