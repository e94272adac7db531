"""What a role's trust policy says about the names of its sessions."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest

from resources.aws.role_trust import fixes_session_name, is_pipeline_made, is_sso_role, trust_digest

ACCOUNT = "000000000000"
OWN_NAME = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}


def trust(*principals: str, **condition: Any) -> dict[str, Any]:
    who = {"AWS": list(principals) or "*"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who, "Condition": condition}
    return {"Statement": [statement, {"Effect": "Allow", "Action": "sts:TagSession", "Principal": {"AWS": "*"}}]}


@pytest.mark.parametrize(
    ("document", "fixed"),
    [
        (trust(**OWN_NAME), True),
        (trust(), False),
        (trust(StringEquals={"sts:RoleSessionName": "alice"}), False),
        (trust(StringLike={"sts:RoleSessionName": "*"}), False),
        ({"Statement": [*trust(**OWN_NAME)["Statement"], *trust()["Statement"]]}, False),
        ({"Statement": []}, False),
    ],
)
def test_trust_policy_fixes_session_name(document: dict[str, Any], fixed: bool) -> None:
    """A trust policy fixes the session name only where each way in requires the user's own name."""
    assert fixes_session_name(document) is fixed


@pytest.mark.parametrize("action", ["sts:assumerole", "STS:AssumeRole", "sts:Assume*", "sts:A*", "sts:AssumeRol?", "*"])
def test_assume_role_in_any_spelling_frees_session_name(action: str) -> None:
    """Every spelling of sts:AssumeRole that IAM understands is a way in without the user's name."""
    fixed = trust(**OWN_NAME)["Statement"]
    assert not fixes_session_name({"Statement": [*fixed, {"Effect": "Allow", "Action": action}]})
    assert not fixes_session_name({"Statement": [*fixed, {"Effect": "Allow", "Action": ["sts:TagSession", action]}]})


def test_not_action_frees_session_name() -> None:
    """A statement that allows all but some actions is a way in without the user's name."""
    fixed = trust(**OWN_NAME)["Statement"]
    assert not fixes_session_name({"Statement": [*fixed, {"Effect": "Allow", "NotAction": "sts:TagSession"}]})


@pytest.mark.parametrize(
    ("principal", "fixed"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", True),
        (f"arn:aws:iam::{ACCOUNT}:user/alice", True),
        (ACCOUNT, True),
        ("arn:aws:iam::999999999999:root", False),
        ("999999999999", False),
        ("*", False),
    ],
)
def test_users_of_other_accounts_have_names_too(principal: str, fixed: bool) -> None:
    """The bob of another account would be ours: a role that lets other accounts in proves no person of this one."""
    assert fixes_session_name(trust(principal, **OWN_NAME), ACCOUNT) is fixed
    both = trust(f"arn:aws:iam::{ACCOUNT}:root", principal, **OWN_NAME)
    assert fixes_session_name(both, ACCOUNT) is fixed


def test_digest_of_trust_policy_is_that_of_its_content() -> None:
    """IAM writes the document encoded or not, with its keys in any order."""
    document = trust(**OWN_NAME)
    text = urllib.parse.quote(json.dumps(dict(reversed(document.items()))))
    assert trust_digest(text) == trust_digest(document)
    assert trust_digest(trust()) != trust_digest(document)


def test_roles_of_identity_center_and_of_stacks_are_told_apart() -> None:
    """Identity Center's roles lie under a path of its own; those of stacks have a tag, or a path."""
    name = "AWSReservedSSO_Approver_0"
    sso = {"RoleName": name, "Arn": f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/{name}"}
    assert is_sso_role(sso)
    assert not is_sso_role({"RoleName": name, "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}"})
    assert not is_pipeline_made(sso)
    assert is_pipeline_made({**sso, "Tags": [{"Key": "eks-assets:environment", "Value": "any"}]})
    assert is_pipeline_made({"RoleName": "x", "Arn": f"arn:aws:iam::{ACCOUNT}:role/eks-assets/demo-gated/x"})
