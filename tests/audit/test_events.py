"""What we read of an event of CloudTrail, for each kind of caller that its user guide shows."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from resources.audit.events import AwsEvent, parse_event

ROLE = "arn:aws:iam::123456789012:role/Deployer"
SESSION = "arn:aws:sts::123456789012:assumed-role/Deployer/eks-assets-acme"
ISSUER = {"type": "Role", "arn": ROLE}


def event(identity: dict[str, Any] | None = None, **record: Any) -> AwsEvent:
    text = json.dumps({"userIdentity": identity, "eventTime": "2026-11-30T10:00:00Z", **record})
    resources = [{"ResourceType": "AWS::IAM::Role", "ResourceName": "Deployer"}, {"ResourceType": "AWS::IAM::Role"}]
    shown = {"EventId": "1", "EventName": "AttachRolePolicy", "EventSource": "iam.amazonaws.com", "Username": "them"}
    return parse_event({**shown, "Resources": resources, "CloudTrailEvent": text})


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "IAMUser", "arn": "arn:aws:iam::1:user/a"}, "arn:aws:iam::1:user/a"),
        ({"type": "AWSService", "invokedBy": "eks.amazonaws.com"}, "eks.amazonaws.com"),
        ({"type": "WebIdentityUser", "userName": "sub", "principalId": "issuer:aud:sub"}, "sub"),
        ({"type": "AWSAccount", "principalId": "AROA:x", "accountId": "2"}, "them"),
        (None, "them"),
    ],
)
def test_every_caller_has_a_name(identity: dict[str, Any] | None, actor: str) -> None:
    """An ARN where it has one, else what AWS calls it."""
    assert event(identity).actor == actor


def test_a_role_session_has_role_and_name() -> None:
    """By them the pipeline's own sessions are told from those of people."""
    read = event({"type": "AssumedRole", "arn": SESSION, "sessionContext": {"sessionIssuer": ISSUER}})
    assert (read.role, read.session, read.is_of_cloudformation) == (ROLE, "eks-assets-acme", False)


def test_cloudformation_is_known_by_whom_invoked_it() -> None:
    """With a service role and without one."""
    assert event(
        {"type": "AssumedRole", "arn": SESSION, "invokedBy": "cloudformation.amazonaws.com"}
    ).is_of_cloudformation
    assert event({"type": "IAMUser"}, sourceIPAddress="cloudformation.amazonaws.com").is_of_cloudformation


def test_resources_and_all_parameters_are_names() -> None:
    """Not every event lists its resources; then its parameters name them."""
    read = event(None, requestParameters={"groupId": "sg-1", "items": [{"id": "x"}, 3]}, errorCode="AccessDenied")
    assert read.names == {"Deployer", "sg-1", "x"}
    assert read.error == "AccessDenied"


def test_an_event_without_a_record_is_read_all_the_same() -> None:
    """What stands around the record says when, what and who."""
    when = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
    shown = {"EventId": "1", "EventName": "X", "Username": "root", "EventTime": when, "CloudTrailEvent": "no JSON"}
    assert (parse_event(shown).actor, parse_event(shown).time) == ("root", "2026-11-30T00:00:00+00:00")
