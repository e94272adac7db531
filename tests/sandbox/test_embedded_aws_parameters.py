"""Contract of the embedded AWS on Parameter Store: how long a version lives, and which conditions a policy can name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.helpers.embedded_aws_server import Aws, policy, refused, resource, wait_for

EVERY_PARAMETER = "arn:aws:ssm:us-west-2:000000000000:parameter/*"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


def expiration(seconds: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return json.dumps([{"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": moment.isoformat()}}])


def user(aws: Aws, name: str, *statements: dict[str, Any]) -> tuple[str, str]:
    """The keys of a new user with these statements."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def allow(action: str, **more: Any) -> dict[str, Any]:
    statement: dict[str, Any] = policy(action, Resource=EVERY_PARAMETER, **more)["Statement"][0]
    return statement


def versions(ssm: Any, name: str) -> list[int]:
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=name)
    return [version["Version"] for page in pages for version in page["Parameters"]]


def test_the_101st_version_deletes_the_oldest_unless_a_label_holds_it(aws: Aws) -> None:
    ssm = aws.client("ssm")
    put = {"Name": "/many", "Value": "v", "Type": "String", "Overwrite": True}
    for _ in range(101):
        ssm.put_parameter(**put)
    assert versions(ssm, "/many") == list(range(2, 102))
    assert "ParameterVersionNotFound" in refused(ssm.get_parameter, Name="/many:1")
    ssm.label_parameter_version(Name="/many", ParameterVersion=2, Labels=["kept"])
    assert refused(ssm.put_parameter, **put) == (
        "ParameterMaxVersionLimitExceeded: You attempted to create a new version of /many by calling the PutParameter "
        "API with the overwrite flag. Version 2, the oldest version, can't be deleted because it has a label "
        "associated with it. Move the label to another version of the parameter, and try again."
    )
    assert versions(ssm, "/many") == list(range(2, 102))
    ssm.label_parameter_version(Name="/many", ParameterVersion=101, Labels=["kept"])
    ssm.put_parameter(**put)
    assert versions(ssm, "/many") == list(range(3, 103))


def test_an_expired_parameter_is_gone_with_all_its_versions(aws: Aws) -> None:
    ssm = aws.client("ssm")
    for value in ("first", "second"):
        ssm.put_parameter(Name="/expiring/x", Value=value, Type="String", Overwrite=True)
    put = {"Name": "/expiring/x", "Value": "third", "Overwrite": True}
    ssm.put_parameter(**put, Tier="Advanced", Policies=expiration(2))
    # "All existing policies are preserved until you send new policies or an empty policy."
    ssm.put_parameter(**put)
    (described,) = ssm.describe_parameters(ParameterFilters=[{"Key": "Path", "Values": ["/expiring"]}])["Parameters"]
    assert (described["Tier"], described["Policies"][0]["PolicyType"]) == ("Advanced", "Expiration")
    assert ssm.get_parameter_history(Name="/expiring/x")["Parameters"][-1]["Policies"]
    wait_for(lambda: not ssm.get_parameters_by_path(Path="/expiring")["Parameters"], "The parameter's deletion", 5)
    for read in (ssm.get_parameter, ssm.get_parameter_history):
        assert "ParameterNotFound" in refused(read, Name="/expiring/x")
    assert ssm.put_parameter(Name="/expiring/x", Value="new", Type="String")["Version"] == 1


def test_an_empty_policy_keeps_a_parameter_from_expiring(aws: Aws) -> None:
    ssm = aws.client("ssm")
    put = {"Name": "/kept", "Value": "v", "Type": "String", "Overwrite": True}
    ssm.put_parameter(**put, Tier="Intelligent-Tiering", Policies=expiration(60))
    ssm.put_parameter(**put, Policies="[{}]")
    (described,) = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/kept"]}])["Parameters"]
    assert not described.get("Policies")


def test_policies_need_the_advanced_tier_and_the_forms_that_aws_knows(aws: Aws) -> None:
    ssm = aws.client("ssm")
    put = {"Name": "/refused", "Value": "v", "Type": "String"}
    assert "ValidationException" in refused(ssm.put_parameter, **put, Policies=expiration(60))
    assert "ValidationException" in refused(ssm.put_parameter, **put, Tier="Standard", Policies=expiration(60))
    (one,) = json.loads(expiration(60))
    for documents, code in (
        ([one, one], "IncompatiblePolicyException"),
        ([{**one, "Type": "Deletion"}], "InvalidPolicyTypeException"),
        ([{**one, "Attributes": {"Timestamp": "tomorrow"}}], "InvalidPolicyAttributeException"),
        ([{"Type": "NoChangeNotification"}] * 11, "PoliciesLimitExceededException"),
    ):
        assert code in refused(ssm.put_parameter, **put, Tier="Advanced", Policies=json.dumps(documents))
    ssm.put_parameter(**put, Tier="Advanced")
    assert "can't downgrade" in refused(ssm.put_parameter, **put, Overwrite=True, Tier="Standard")


def test_a_policy_can_deny_policies_and_overwriting(aws: Aws) -> None:
    no_policies = allow("ssm:PutParameter", Effect="Deny", Condition={"StringEquals": {"ssm:Policies": ["true"]}})
    no_changes = allow("ssm:PutParameter", Effect="Deny", Condition={"StringEquals": {"ssm:Overwrite": ["true"]}})
    approver = aws.client("ssm", *user(aws, "approver", allow("ssm:*"), no_policies))
    put = {"Name": "/denied", "Value": "v", "Type": "String", "Overwrite": True}
    for more in ({"Tier": "Advanced"}, {"Tier": "Intelligent-Tiering"}, {}):
        denied = refused(approver.put_parameter, **put, **more, Policies=expiration(60))
        assert denied.startswith("AccessDeniedException"), more
    approver.put_parameter(**put)
    creator = aws.client("ssm", *user(aws, "creator", allow("ssm:*"), no_changes))
    creator.put_parameter(Name="/new", Value="v", Type="String")
    assert "AccessDeniedException" in refused(creator.put_parameter, **put)


def test_a_stack_writes_no_policies_for_a_role_that_may_not(aws: Aws) -> None:
    trust = policy(Principal={"Service": "cloudformation.amazonaws.com"})
    iam = aws.client("iam")
    role = iam.create_role(RoleName="stacks", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    no_policies = allow("ssm:PutParameter", Effect="Deny", Condition={"StringEquals": {"ssm:Policies": ["true"]}})
    document = {"Version": "2012-10-17", "Statement": [allow("ssm:*"), no_policies]}
    iam.put_role_policy(RoleName="stacks", PolicyName="own", PolicyDocument=json.dumps(document))
    parameter = {"Name": "/stack", "Type": "String", "Value": "v", "Tier": "Advanced"}
    expiring = {"P": resource("SSM::Parameter", **parameter, Policies=expiration(60))}
    assert aws.execute(aws.change("expiring", expiring, RoleARN=role))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("not authorized to perform: ssm:PutParameter" in reason for reason in aws.failures("expiring"))
    aws.deploy("lasting", {"P": resource("SSM::Parameter", **parameter)}, RoleARN=role)


def test_a_path_is_asked_about_by_its_name(aws: Aws) -> None:
    aws.client("ssm").put_parameter(Name="/team/a", Value="v", Type="String")
    everything_but = allow("ssm:GetParametersByPath", Effect="Deny")
    everything_but["Resource"] = EVERY_PARAMETER.replace("/*", "/team")
    reader = aws.client("ssm", *user(aws, "reader", allow("ssm:GetParametersByPath"), everything_but))
    assert "AccessDeniedException" in refused(reader.get_parameters_by_path, Path="/team")
    assert reader.get_parameters_by_path(Path="/other")["Parameters"] == []
