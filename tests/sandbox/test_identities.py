"""Contract of the embedded AWS on who wrote what, and who may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.embedded_aws_server import Aws, policy, refused, resource

Keys = tuple[str, ...]
ACCOUNT = "000000000000"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def carol(aws: Aws) -> Keys:
    """The keys of a user who may do anything with parameters below /team, and assume every role."""
    iam = aws.client("iam")
    iam.create_user(UserName="carol")
    mine = policy("ssm:*", Resource=f"arn:aws:ssm:us-west-2:{ACCOUNT}:parameter/team/*")
    mine["Statement"] += policy("sts:AssumeRole", Resource="*")["Statement"]
    iam.put_user_policy(UserName="carol", PolicyName="own", PolicyDocument=json.dumps(mine))
    made = iam.create_access_key(UserName="carol")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def make_role(aws: Aws, name: str, *statements: dict[str, Any], **trust: Any) -> str:
    iam = aws.client("iam")
    trusted = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/carol"}, **trust}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy(**trusted)))["Role"]["Arn"]
    for index, statement in enumerate(statements):
        iam.put_role_policy(RoleName=name, PolicyName=f"p{index}", PolicyDocument=json.dumps(statement))
    return arn


def assume(aws: Aws, keys: Keys, role: str, session: str) -> Keys:
    made = aws.client("sts", *keys).assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
    return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]


def test_parameter_version_names_its_writer(aws: Aws, carol: Keys) -> None:
    """Each version of a parameter names the root, user or session that wrote it."""
    role = make_role(aws, "writer", policy("ssm:PutParameter", Resource="*"))
    session = assume(aws, carol, role, "on-call")
    for keys in ((), carol, session):
        aws.client("ssm", *keys).put_parameter(Name="/team/x", Value="v", Type="String", Overwrite=True)
    history = aws.client("ssm").get_parameter_history(Name="/team/x")["Parameters"]
    by_session = f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/on-call"
    assert [entry["LastModifiedUser"] for entry in history] == [ROOT, f"arn:aws:iam::{ACCOUNT}:user/carol", by_session]
    filters = [{"Key": "Name", "Values": ["/team/x"]}]
    (described,) = aws.client("ssm").describe_parameters(ParameterFilters=filters)["Parameters"]
    assert described["LastModifiedUser"] == by_session


def test_stack_writes_as_its_service_role(aws: Aws) -> None:
    """A stack writes a parameter in the name, and within the rights, of its service role."""
    trust = {"Principal": {"Service": "cloudformation.amazonaws.com"}}
    everything = policy("ssm:*", Resource="*")
    denied = policy("ssm:PutParameter", Resource=f"arn:aws:ssm:us-west-2:{ACCOUNT}:parameter/grants/*", Effect="Deny")
    role = make_role(aws, "maker", everything, denied, **trust)
    aws.deploy("fine", {"P": resource("SSM::Parameter", Name="/fine", Type="String", Value="1")}, RoleARN=role)
    (version,) = aws.client("ssm").get_parameter_history(Name="/fine")["Parameters"]
    assert version["LastModifiedUser"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/maker/AWSCloudFormation"
    forged = {"P": resource("SSM::Parameter", Name="/grants/x", Type="String", Value="1")}
    assert aws.execute(aws.change("forged", forged, RoleARN=role))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("not authorized to perform: ssm:PutParameter" in reason for reason in aws.failures("forged"))


def test_trust_policy_fixes_session_name(aws: Aws, carol: Keys) -> None:
    """A trust policy can require the user's own name as the session's; invalid names are refused."""
    fixed = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
    role = make_role(aws, "named", Condition=fixed)
    sts = aws.client("sts", *carol)
    assert "AccessDenied" in refused(sts.assume_role, RoleArn=role, RoleSessionName="dave")
    keys = assume(aws, carol, role, "carol")
    assert aws.client("sts", *keys).get_caller_identity()["Arn"].endswith(":assumed-role/named/carol")
    for unspeakable in ("${aws:username}", "a/b", "x" * 65):
        assert "ValidationError" in refused(aws.client("sts").assume_role, RoleArn=role, RoleSessionName=unspeakable)


def test_permission_is_checked_for_each_of_several_parameters(aws: Aws, carol: Keys) -> None:
    """A call with several parameters needs the right to each of them."""
    for name in ("/team/a", "/team/b", "/other"):
        aws.client("ssm").put_parameter(Name=name, Value="v", Type="String")
    ssm = aws.client("ssm", *carol)
    assert len(ssm.get_parameters(Names=["/team/a", "/team/b"])["Parameters"]) == 2
    for operation in (ssm.get_parameters, ssm.delete_parameters):
        assert "AccessDenied" in refused(operation, Names=["/team/a", "/other"])
    assert ssm.delete_parameters(Names=["/team/a", "/team/b"])["DeletedParameters"] == ["/team/a", "/team/b"]
