"""Which ARNs prove a person."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.approval.electorate import UI_WRITER, Approvers, fixes_session_name
from resources.approval.rules import Person
from resources.config.environment import Approval, Environment
from resources.config.names import deployer_role, planner_role
from resources.context import Context

ACCOUNT = "000000000000"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
SSO_ROLE = "AWSReservedSSO_Approver_0123456789abcdef"
SSO_ARN = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{SSO_ROLE}"


def trust(**condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}, "Condition": condition}
    return {"Statement": [statement, {"Effect": "Allow", "Action": "sts:TagSession", "Principal": {"AWS": "*"}}]}


OWN_NAME = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
ROLES = {
    "oncall": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/oncall", "AssumeRolePolicyDocument": trust()},
    "named": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/team/named", "AssumeRolePolicyDocument": trust(**OWN_NAME)},
    SSO_ROLE: {"Arn": SSO_ARN, "AssumeRolePolicyDocument": trust()},
    "AWSReservedSSO_Fake_0": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_Fake_0"},
}


def session(role: str, name: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}"


@pytest.fixture
def approvers(sandbox_env: Environment) -> Any:
    iam = SimpleNamespace(get_role=lambda RoleName: {"Role": ROLES[RoleName]})
    aws = SimpleNamespace(client=lambda _: iam)

    def of(**approval: Any) -> Approvers:
        return Approvers(Context(sandbox_env, cast(Any, aws)), Approval(before="applications", **approval))

    return of


@pytest.mark.parametrize(
    ("arn", "key"),
    [
        (USER, "user:alice"),
        (session("named", "alice"), "user:alice"),
        (session(SSO_ROLE, "Alice@example.com"), "sso:alice@example.com"),
        (session("oncall", "alice"), "role:oncall"),
        (session("AWSReservedSSO_Fake_0", "alice"), "role:AWSReservedSSO_Fake_0"),
        (f"arn:aws:iam::{ACCOUNT}:root", ""),
    ],
)
def test_approver_key_is_one_per_human(arn: str, key: str, approvers: Any) -> None:
    """A user, the role that fixes the session name to it, and an SSO session each lead to one human's key."""
    assert approvers(approvers=2).key(arn) == key


def test_session_name_chosen_by_caller_proves_nobody(approvers: Any) -> None:
    """A free session name is no proof of who votes, unless one approval suffices and the initiator may give it."""
    assert "caller's choice" in approvers(approvers=2).voter(session("oncall", "alice"))
    assert "caller's choice" in approvers(approvers=1).voter(session("oncall", "alice"))
    alone = approvers(approvers=1, exclude_initiator=False)
    assert alone.voter(session("oncall", "alice")) == Person("role:oncall", "alice")


def test_root_and_pipeline_roles_never_vote(approvers: Any, sandbox_env: Environment) -> None:
    """Neither the account's root nor a role of the pipeline counts, even where everyone may vote."""
    assert "no user and no role" in approvers().voter(f"arn:aws:iam::{ACCOUNT}:root")
    for role in (deployer_role(sandbox_env), planner_role(sandbox_env)):
        assert "role of the pipeline" in approvers(allow=("*",)).voter(session(role.name, "eks-assets-sandbox"))


def test_allow_list_limits_voters(approvers: Any) -> None:
    """Only those whom `approval.allow` matches may vote."""
    some = approvers(approvers=2, allow=(USER, f"arn:aws:iam::{ACCOUNT}:role/team/*"))
    assert isinstance(some.voter(USER), Person)
    assert isinstance(some.voter(session("named", "bob")), Person)
    assert some.voter(f"arn:aws:iam::{ACCOUNT}:user/mallory") == "it is not in approval.allow"
    assert some.voter(session(SSO_ROLE, "x")) == "it is not in approval.allow"


def test_dagster_ui_votes_only_with_ui_true(approvers: Any) -> None:
    """The Dagster UI counts as one person, and only with `ui: true`."""
    assert "no `ui: true`" in approvers().voter(UI_WRITER)
    assert isinstance(approvers(ui=True).voter(UI_WRITER), Person)


def test_allow_list_entry_that_proves_nobody_warns(approvers: Any) -> None:
    """An entry of `approval.allow` that proves no single person causes a warning."""
    allow = (USER, session("oncall", "*"), f"arn:aws:iam::{ACCOUNT}:role/named")
    (warning,) = approvers(approvers=2, allow=allow).warnings()
    assert "assumed-role/oncall/*" in warning


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
