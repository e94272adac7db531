"""Contract of the embedded AWS on who may assume a role of the own account: its trust policy, the caller's, or both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.embedded_aws_server import Aws, policy, refused

ACCOUNT = "000000000000"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
CAROL = f"arn:aws:iam::{ACCOUNT}:user/carol"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


def user(aws: Aws, name: str, *statements: dict[str, Any]) -> Any:
    """STS as a new user with these statements."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    for index, statement in enumerate(statements):
        iam.put_user_policy(UserName=name, PolicyName=f"p{index}", PolicyDocument=json.dumps(statement))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return aws.client("sts", key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="module")
def carol(aws: Aws) -> Any:
    """A user without any policy."""
    return user(aws, "carol")


def role(aws: Aws, name: str, *statements: dict[str, Any]) -> dict[str, str]:
    """What assumes a new role that these statements trust."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    arn = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    return {"RoleArn": arn, "RoleSessionName": "session"}


def trusting(principal: str, **more: Any) -> dict[str, Any]:
    statement: dict[str, Any] = policy(Principal={"AWS": principal}, **more)["Statement"][0]
    return statement


def test_a_trust_policy_that_names_the_caller_is_enough(aws: Aws, carol: Any) -> None:
    named = role(aws, "named", trusting(CAROL))
    assert carol.assume_role(**named)["AssumedRoleUser"]["Arn"].endswith(":assumed-role/named/session")
    dave = user(aws, "dave", policy(Resource="*"))
    assert "AccessDenied" in refused(dave.assume_role, **named)


def test_a_trust_policy_that_names_the_account_leaves_it_to_identity_policies(aws: Aws, carol: Any) -> None:
    for index, principal in enumerate((ROOT, ACCOUNT)):
        shared = role(aws, f"shared{index}", trusting(principal))
        denied = refused(carol.assume_role, **shared)
        assert denied.startswith(f"AccessDenied: User: {CAROL} is not authorized to perform: sts:AssumeRole"), denied
        assert user(aws, f"erin{index}", policy(Resource=shared["RoleArn"])).assume_role(**shared)["Credentials"]


def test_an_explicit_deny_wins_wherever_it_stands(aws: Aws, carol: Any) -> None:
    frank = f"arn:aws:iam::{ACCOUNT}:user/frank"
    denied = user(aws, "frank", policy(Resource="*", Effect="Deny"))
    assert "AccessDenied" in refused(denied.assume_role, **role(aws, "trusts-frank", trusting(frank)))
    both = role(aws, "denies-carol", trusting(CAROL), trusting(CAROL, Effect="Deny"))
    assert "AccessDenied" in refused(carol.assume_role, **both)


def test_the_conditions_of_a_trust_policy_hold_for_the_caller_it_names(aws: Aws, carol: Any) -> None:
    conditions = {"StringEquals": {"sts:ExternalId": "id", "sts:RoleSessionName": "${aws:username}"}}
    guarded = role(aws, "guarded", trusting(CAROL, Condition=conditions))
    assert "AccessDenied" in refused(carol.assume_role, **guarded, ExternalId="id")
    guarded["RoleSessionName"] = "carol"
    assert "AccessDenied" in refused(carol.assume_role, RoleArn="arn:aws:iam:of-nobody", RoleSessionName="carol")
    for wrong in ({}, {"ExternalId": "other"}):
        assert "AccessDenied" in refused(carol.assume_role, **guarded, **wrong)
    assert carol.assume_role(**guarded, ExternalId="id")["Credentials"]


def test_a_session_of_a_named_role_needs_no_policy_either(aws: Aws, carol: Any) -> None:
    first = role(aws, "first", trusting(CAROL))
    second = role(aws, "second", trusting(first["RoleArn"]))
    keys = carol.assume_role(**first)["Credentials"]
    session = aws.client("sts", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert session.assume_role(**second)["Credentials"]
