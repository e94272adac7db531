"""The anchored gate: what bootstrap reads of approvers' roles, which it refuses, and where it keeps that."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from resources.aws.session import Aws, Source
from resources.bootstrap.gate import anchor_json, make_anchor, read_anchor, write_anchor
from resources.bootstrap.template import build_bootstrap_template
from resources.config.environment import Approval, Environment
from resources.config.gate_anchor import GateAnchor, anchor_of
from resources.config.names import gate_parameter
from resources.context import Context
from resources.model.errors import ConfigError
from tests.helpers.embedded_aws_server import Aws as EmbeddedAws

SESSIONS = "arn:aws:sts::000000000000:assumed-role"
SSO_PATH = "/aws-reserved/sso.amazonaws.com/"
OWN_NAME = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}


def trust(condition: Any) -> str:
    who = {"AWS": "arn:aws:iam::000000000000:root"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who, "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An account with roles of approvers, and another environment's policy for its approvers."""
    aws = EmbeddedAws(tmp_path_factory.mktemp("aws")).start()
    iam = aws.client("iam")
    tag = [{"Key": "eks-assets:environment", "Value": "other"}]
    for name, path, condition, tags in [
        ("named", "/", OWN_NAME, []),
        ("free", "/", {}, []),
        ("tagged", "/", OWN_NAME, tag),
        ("below", "/eks-assets/demo-other/", OWN_NAME, []),
        ("demo-other-oncall", "/", OWN_NAME, []),
        ("AWSReservedSSO_Approver_0", SSO_PATH, {}, []),
    ]:
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust(condition), Tags=tags)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}]}
    iam.create_policy(PolicyName="demo-other-approver", PolicyDocument=json.dumps(policy))
    yield aws
    aws.stop()


def context_of(account: EmbeddedAws, env: Environment, *allow: str) -> Context:
    """The account's administrator, in an environment whose gate these may open."""
    gated = env.model_copy(update={"approval": Approval(allow=allow)})
    source = Source(env.region, f"http://127.0.0.1:{account.port}", "AKIAROOT", "root-secret")
    return Context(gated, Aws(gated, source, as_deployer=False))


def role_id(account: EmbeddedAws, name: str) -> str:
    return str(account.client("iam").get_role(RoleName=name)["Role"]["RoleId"])


def test_roles_are_anchored_as_iam_has_them(account: EmbeddedAws, sandbox_env: Environment) -> None:
    """Id, trust policy, and whether it fixes the session name; a permission set's role is found by its id."""
    sso = role_id(account, "AWSReservedSSO_Approver_0")
    lines: list[str] = []
    context = context_of(account, sandbox_env, f"{SESSIONS}/named/*", f"{SESSIONS}/free/x", f"{sso}:*")
    context.progress = lines.append
    anchor = make_anchor(context)
    facts = {role.name: (role.id, role.fixes_session_name) for role in anchor.roles}
    assert facts == {
        "named": (role_id(account, "named"), True),
        "free": (role_id(account, "free"), False),
        "AWSReservedSSO_Approver_0": (sso, True),
    }
    assert lines == ["approval.allow[1]: sessions of free do not count: their names are the caller's choice"]
    assert anchor.anchored_at is not None


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (f"{SESSIONS}/nobody/*", "the account has no role nobody"),
        (f"{SESSIONS}/tagged/*", "tagged is a role that a stack can make or change"),
        (f"{SESSIONS}/below/*", "below is a role that a stack can make or change"),
        (f"{SESSIONS}/demo-other-oncall/*", "a role that the environment demo-other can make or change"),
        ("AROA4EXAMPLE5NOBODY00:*", "the account has no role AROA4EXAMPLE5NOBODY00"),
    ],
)
def test_role_that_proves_no_person_is_not_anchored(
    entry: str, why: str, account: EmbeddedAws, sandbox_env: Environment
) -> None:
    """Bootstrap refuses what only IAM tells, with the place in the file."""
    with pytest.raises(ConfigError, match=rf"sandbox\.yaml: approval\.allow\[0\]: .*{why}"):
        make_anchor(context_of(account, sandbox_env, entry))


def test_first_time_stays_when_the_gate_is_anchored_again(account: EmbeddedAws, sandbox_env: Environment) -> None:
    """A new list of approvers makes nothing that was decided under the old one a decision of before."""
    context = context_of(account, sandbox_env, f"{SESSIONS}/named/*")
    assert read_anchor(context) is None
    first = make_anchor(context)
    ssm = context.aws.client("ssm")
    ssm.put_parameter(Name=gate_parameter(sandbox_env), Value=anchor_json(first), Type="String")
    again = context_of(account, sandbox_env, f"{SESSIONS}/named/alice")
    assert read_anchor(again) == first
    second = make_anchor(again)
    assert (second.allow, second.anchored_at) == ((f"{SESSIONS}/named/alice",), first.anchored_at)
    future = first.model_copy(update={"anchored_at": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)})
    write_anchor(again, future)
    written = make_anchor(context_of(account, sandbox_env)).anchored_at
    assert written is not None
    assert written < dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


def test_copy_of_a_role_has_its_time_until_somebody_changes_the_role(
    account: EmbeddedAws, sandbox_env: Environment
) -> None:
    """Bootstrap again changes nothing; a trust policy that was changed and put back has a new copy, whose time is after
    whatever was decided meanwhile."""
    entry, iam = f"{SESSIONS}/copied/*", account.client("iam")
    iam.create_role(RoleName="copied", AssumeRolePolicyDocument=trust(OWN_NAME))
    first = make_anchor(context_of(account, sandbox_env, entry))
    write_anchor(context_of(account, sandbox_env, entry), first)
    time.sleep(1.1)  # CloudTrail's times are whole seconds
    assert make_anchor(context_of(account, sandbox_env, entry)) == first
    for condition in ({}, OWN_NAME):
        iam.update_assume_role_policy(RoleName="copied", PolicyDocument=trust(condition))
    again = make_anchor(context_of(account, sandbox_env, entry))
    (before,), (after,) = first.roles, again.roles
    assert before.since is not None
    assert after.since is not None
    assert after.since > before.since
    assert after.model_copy(update={"since": before.since}) == before


def test_anchor_that_was_changed_by_hand_is_put_back(account: EmbeddedAws, sandbox_env: Environment) -> None:
    """Bootstrap does not rely on the stack's template, which knows of no change by hand."""
    context = context_of(account, sandbox_env)
    anchor = anchor_of(context.env)
    name = gate_parameter(sandbox_env)
    context.aws.client("ssm").put_parameter(Name=name, Value="{}", Type="String", Overwrite=True)
    write_anchor(context, anchor)
    assert read_anchor(context) == anchor
    context.aws.client("ssm").put_parameter(Name=name, Value='{"a": 1}', Type="String", Overwrite=True)
    with pytest.raises(ConfigError, match="none that this version can read"):
        read_anchor(context_of(account, sandbox_env))


def test_printed_template_has_the_files_gate_without_facts(prod_env: Environment, sandbox_env: Environment) -> None:
    """`bootstrap --print` reads nothing from AWS; an environment without a gate says so."""
    for env, before in ((prod_env, "applications"), (sandbox_env, None)):
        parameter = build_bootstrap_template(env)["Resources"]["AnchoredGate"]["Properties"]
        assert parameter["Name"] == gate_parameter(env)
        anchor = GateAnchor.model_validate_json(parameter["Value"])
        assert (anchor.before, anchor.roles, anchor.anchored_at) == (before, (), None)
    assert prod_env.approval is not None
    assert GateAnchor.model_validate_json(anchor_json(anchor_of(prod_env))).allow == prod_env.approval.allow


def test_anchor_that_parameter_store_cannot_keep_is_refused(sandbox_env: Environment) -> None:
    """Parameter Store keeps 8 KiB."""
    allow = tuple(f"arn:aws:iam::000000000000:user/somebody-{number:04}" for number in range(200))
    anchor = anchor_of(sandbox_env.model_copy(update={"approval": Approval(allow=allow)}))
    with pytest.raises(ConfigError, match="allowed: 8192"):
        anchor_json(anchor)
