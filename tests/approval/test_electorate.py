"""Which ARNs prove a person."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from resources.approval.electorate import UI_WRITER, Approvers
from resources.approval.rules import Person
from resources.aws.role_trust import fixes_session_name, trust_digest
from resources.config.environment import Approval, Environment
from resources.config.gate_anchor import AnchoredRole, GateAnchor
from resources.config.names import deployer_role, planner_role
from resources.context import Context

ACCOUNT = "000000000000"
USERS = f"arn:aws:iam::{ACCOUNT}:user/"
USER = f"{USERS}alice"
SSO_ROLE = "AWSReservedSSO_Approver_0123456789abcdef"
SSO_ARN = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{SSO_ROLE}"
SSO_ID = "AROA4EXAMPLE5APPROVER"
ANCHORED = dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC)
LATER, EARLIER = ANCHORED + dt.timedelta(hours=1), ANCHORED - dt.timedelta(seconds=1)
OWN_NAME = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
Roles = dict[str, dict[str, Any]]


def trust(**condition: Any) -> dict[str, Any]:
    who = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who, "Condition": condition}
    return {"Statement": [statement]}


def role(name: str, document: dict[str, Any], path: str = "/", **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:iam::{ACCOUNT}:role{path}{name}"
    return {"RoleName": name, "Arn": arn, "RoleId": f"AROA{name}", "AssumeRolePolicyDocument": document, **more}


def session(name: str, user: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{user}"


@pytest.fixture
def roles() -> Roles:
    """The account's roles, which a test may change after they were anchored."""
    fake = "AWSReservedSSO_Fake_0"
    made = [
        role("oncall", trust()),
        role("named", trust(**OWN_NAME), "/team/"),
        role("demo-sandbox-x", trust(**OWN_NAME)),
        role(SSO_ROLE, trust(), "/aws-reserved/sso.amazonaws.com/") | {"RoleId": SSO_ID},
        role(fake, trust()),
    ]
    return {one["RoleName"]: one for one in made}


@pytest.fixture
def approvers(sandbox_env: Environment, roles: Roles) -> Callable[..., Approvers]:
    """The electorate of a gate, anchored as the roles are at the test's start."""

    def get_role(RoleName: str) -> Any:
        if RoleName not in roles:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetRole")
        return {"Role": roles[RoleName]}

    aws = SimpleNamespace(client=lambda _: SimpleNamespace(get_role=get_role))
    anchored = tuple(
        AnchoredRole(
            name=name,
            arn=one["Arn"],
            id=one["RoleId"],
            trust=trust_digest(one["AssumeRolePolicyDocument"]),
            fixes_session_name=fixes_session_name(one["AssumeRolePolicyDocument"], ACCOUNT),
        )
        for name, one in copy.deepcopy(roles).items()
    )

    as_anchored = GateAnchor(roles=anchored, anchored_at=ANCHORED)

    def of(anchor: GateAnchor | None = as_anchored, **approval: Any) -> Approvers:
        return Approvers(Context(sandbox_env, cast(Any, aws)), Approval(before="applications", **approval), anchor)

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
def test_approver_key_is_one_per_human(arn: str, key: str, approvers: Callable[..., Approvers]) -> None:
    """A user, the role that fixes the session name to it, and an SSO session each lead to one human's key."""
    assert approvers(approvers=2).key(arn) == key


def test_listed_identities_of_one_kind_are_voters(approvers: Callable[..., Approvers]) -> None:
    """Users, and sessions of an anchored role that carry their names; or users of a permission set."""
    users = approvers(approvers=2, allow=(USER, f"{USERS}bo*", session("named", "*")))
    assert users.voter(USER, LATER) == Person("user:alice", "alice")
    assert users.voter(f"{USERS}bob", LATER) == Person("user:bob", "bob")
    assert users.voter(session("named", "alice"), LATER) == Person("user:alice", "alice")
    assert users.voter(f"{USERS}mallory", LATER) == "it is not in approval.allow"
    assert users.voter(f"{USERS}team/bob", LATER) == "it is not in approval.allow"
    assert users.voter(session(SSO_ROLE, "alice"), LATER) == "it is not in approval.allow"
    people = approvers(approvers=2, allow=(f"{SSO_ID}:*",))
    assert people.voter(session(SSO_ROLE, "Alice@x.org"), LATER) == Person("sso:alice@x.org", "Alice@x.org")
    assert people.voter(USER, LATER) == "it is not in approval.allow"
    assert people.voter(session("AWSReservedSSO_Fake_0", "alice"), LATER) == "it is not in approval.allow"


def test_session_name_chosen_by_caller_proves_nobody(approvers: Callable[..., Approvers]) -> None:
    """A free session name is no proof of who votes, however many are asked for and whoever started."""
    for gate in ({"approvers": 2}, {"approvers": 1}, {"approvers": 1, "exclude_initiator": False}):
        fault = approvers(allow=(session("oncall", "alice"), session("oncall", "*")), **gate)
        assert "caller's choice" in str(fault.voter(session("oncall", "alice"), LATER))


@pytest.mark.parametrize(
    "change",
    [
        {"AssumeRolePolicyDocument": trust(**OWN_NAME)},
        {"AssumeRolePolicyDocument": trust(**OWN_NAME), "RoleId": "AROAANOTHER"},
    ],
)
def test_trust_policy_that_was_fixed_after_the_votes_proves_nobody(
    change: dict[str, Any], roles: Roles, approvers: Callable[..., Approvers]
) -> None:
    """The forgery: vote in anybody's name, then make the trust policy look as if nobody could have."""
    electorate = approvers(approvers=2, allow=(session("oncall", "*"),))
    roles["oncall"] |= change
    for name in ("alice", "bob"):
        assert "caller's choice" in str(electorate.voter(session("oncall", name), LATER))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"RoleId": "AROAANOTHER"}, "role named was deleted and created again since it was anchored"),
        ({"AssumeRolePolicyDocument": trust()}, "the trust policy of role named is not the anchored one"),
        ({"Tags": [{"Key": "eks-assets:environment", "Value": "other"}]}, "role named is one that stacks can make"),
        ({"Arn": f"arn:aws:iam::{ACCOUNT}:role/eks-assets/x/named"}, "role named is one that stacks can make"),
        (None, "its role named does not exist, or cannot be read"),
    ],
)
def test_role_counts_only_as_it_was_anchored(
    change: dict[str, Any] | None, why: str, roles: Roles, approvers: Callable[..., Approvers]
) -> None:
    """Another role of the name, another trust policy, a stack's role and one that nobody can read prove no person."""
    electorate = approvers(approvers=2, allow=(session("named", "*"),))
    roles.pop("named") if change is None else roles["named"].update(change)
    assert why in str(electorate.voter(session("named", "alice"), LATER))


def test_role_that_the_pipeline_can_make_never_counts(approvers: Callable[..., Approvers]) -> None:
    """Whatever is anchored and listed, and whatever its trust policy says."""
    electorate = approvers(approvers=2, allow=(session("demo-sandbox-x", "*"),))
    assert "one that stacks can make" in str(electorate.voter(session("demo-sandbox-x", "alice"), LATER))


def test_role_that_is_not_anchored_proves_nobody(approvers: Callable[..., Approvers]) -> None:
    """A role whose trust policy fixes the name does not count before an administrator has anchored it."""
    nothing = GateAnchor(anchored_at=ANCHORED)
    listed = approvers(nothing, approvers=2, allow=(session("named", "*"),))
    assert "an administrator runs: eks-assets bootstrap sandbox --apply" in str(
        listed.voter(session("named", "alice"), LATER)
    )
    open_gate = approvers(nothing, approvers=1)
    assert "is not anchored" in str(open_gate.voter(session("named", "alice"), LATER))
    assert open_gate.voter(USER, LATER) == Person("user:alice", "alice")


def test_permission_set_is_told_by_its_id(roles: Roles, approvers: Callable[..., Approvers]) -> None:
    """A role of the same name with another id is another permission set."""
    electorate = approvers(approvers=2, allow=(f"{SSO_ID}:*",))
    roles[SSO_ROLE]["RoleId"] = "AROA4EXAMPLE5ANOTHER0"
    assert electorate.voter(session(SSO_ROLE, "alice"), LATER) == "it is not in approval.allow"
    del roles[SSO_ROLE]
    assert electorate.voter(session("gone", "alice"), LATER) == "its role gone does not exist, or cannot be read"


def test_people_make_one_voice_of_a_human(approvers: Callable[..., Approvers]) -> None:
    """A user and an Identity Center session of one person are that person; whoever is mapped to nobody is nobody."""
    people = {"alice.doe": (USER, f"{SSO_ID}:alice@x.org"), "bob": (f"{SSO_ID}:bob@x.org",)}
    electorate = approvers(approvers=2, allow=(f"{USERS}*", f"{SSO_ID}:*"), people=people)
    alice = Person("person:alice.doe", "alice.doe")
    assert electorate.voter(USER, LATER) == electorate.voter(session(SSO_ROLE, "Alice@x.org"), LATER) == alice
    assert electorate.key(USER) == electorate.key(session(SSO_ROLE, "alice@x.org")) == alice.key
    assert electorate.voter(f"{USERS}carol", LATER) == "approval.people maps it to nobody"


def test_root_other_accounts_and_pipeline_roles_never_vote(
    approvers: Callable[..., Approvers], sandbox_env: Environment
) -> None:
    """Neither the account's root, nor another account's alice, nor a role of the pipeline counts, whoever may vote."""
    for at in (EARLIER, LATER):
        assert "no user and no role" in str(approvers().voter(f"arn:aws:iam::{ACCOUNT}:root", at))
        assert "another account" in str(approvers().voter("arn:aws:iam::999999999999:user/alice", at))
        for own in (deployer_role(sandbox_env), planner_role(sandbox_env)):
            assert "role of the pipeline" in str(approvers().voter(session(own.name, "eks-assets-sandbox"), at))


def test_decisions_of_before_count_by_the_earlier_rule(roles: Roles, approvers: Callable[..., Approvers]) -> None:
    """What was decided before the first anchor is judged by the trust policy as it is now; what came later is not."""
    electorate = approvers(approvers=2, allow=(session("oncall", "*"),))
    assert "caller's choice" in str(electorate.voter(session("oncall", "alice"), EARLIER))
    roles["oncall"]["AssumeRolePolicyDocument"] = trust(**OWN_NAME)
    late = approvers(approvers=2, allow=(session("oncall", "*"),))
    assert late.voter(session("oncall", "alice"), EARLIER) == Person("user:alice", "alice")
    assert "caller's choice" in str(late.voter(session("oncall", "alice"), ANCHORED))
    alone = approvers(None, approvers=1, exclude_initiator=False)
    assert alone.voter(session("demo-sandbox-x", "alice"), LATER) == Person("user:alice", "alice")


def test_dagster_ui_votes_only_with_ui_true(approvers: Callable[..., Approvers]) -> None:
    """The Dagster UI counts as one person, and only with `ui: true`."""
    assert "no `ui: true`" in str(approvers().voter(UI_WRITER, LATER))
    assert isinstance(approvers(ui=True).voter(UI_WRITER, LATER), Person)


def test_allow_list_entry_that_proves_nobody_warns(approvers: Callable[..., Approvers]) -> None:
    """An entry of `approval.allow` that proves no single person causes a warning."""
    (warning,) = approvers(approvers=2, allow=(USER, session("oncall", "*"), session("named", "*"))).warnings()
    assert "assumed-role/oncall/*: the session name" in warning


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (USER, ""),
        (session("named", "alice"), ""),
        (session("oncall", "alice"), "the caller's choice"),
        (session("unknown", "alice"), "does not exist, or cannot be read"),
        (session("demo-sandbox-x", "alice"), "one that stacks can make"),
        (session(SSO_ROLE, "alice@example.com"), "approvers are another kind of identity"),
        (session("demo-sandbox-pipeline", "eks-assets"), "a role of the pipeline"),
        (f"arn:aws:iam::{ACCOUNT}:root", "no user and no role"),
        ("arn:aws:iam::999999999999:user/alice", "of another account"),
        ("AIDA4EXAMPLE", "no user and no role"),
    ],
)
def test_initiator_is_a_person_by_the_rules_for_approvers(arn: str, why: str, approvers: Any) -> None:
    """Whoever asks proves a person as approvers do; of another kind than they are, nobody knows which of them it is."""
    fault = approvers(approvers=2, allow=(f"{USERS}*", f"{session('named', '*')}")).initiator_fault(arn)
    assert why in fault
    assert bool(fault) == bool(why)


def test_initiator_that_people_do_not_name_is_nobody(approvers: Any) -> None:
    """Where `people` says who is who, whoever it does not name may be any of them."""
    people = {"alice": (USER,), "bob": (f"{SSO_ID}:bob",)}
    some = approvers(approvers=1, allow=(f"{USERS}*", f"{SSO_ID}:*"), people=people)
    assert some.initiator_fault(USER) == ""
    assert some.initiator_fault(session(SSO_ROLE, "bob")) == ""
    assert some.initiator_fault(f"{USERS}carol") == "approval.people maps it to nobody"


PEOPLE = {"alice": (USER, f"{SSO_ID}:alice"), "bob": (f"{USERS}bob",)}


@pytest.mark.parametrize(
    ("gate", "count"),
    [
        ({"allow": (USER, f"{USERS}bob")}, 2),
        ({"allow": (USER, session("named", "alice"), f"{USERS}bob")}, 2),
        ({"allow": (USER, session("oncall", "*"))}, 1),
        ({"allow": (f"{USERS}*",)}, float("inf")),
        ({"allow": (USER, session("named", "*"))}, float("inf")),
        ({"allow": (f"{SSO_ID}:alice", f"{SSO_ID}:bob"), "ui": True}, 3),
        ({"allow": (f"{USERS}*", f"{SSO_ID}:*"), "people": PEOPLE}, 2),
        ({"people": {"alice": (USER,), "bob": (session("oncall", "bob"),)}}, 1),
        ({}, float("inf")),
    ],
)
def test_voters_are_counted_as_people(gate: dict[str, Any], count: float, approvers: Any) -> None:
    """Identities of one human are one voter, sessions that prove nobody are none, and a wildcard has no end."""
    assert approvers(**gate).count_voters() == count
