"""The people of the sandbox: who they are to AWS, and who of them may write, change and erase a grant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.model.errors import AccessDenied
from sandbox.credentials import Keys, credentials, session
from sandbox.errors import SandboxError
from sandbox.paths import StateDirectory
from sandbox.people import APPROVERS, PEOPLE, ROLES
from sandbox.supervisor import seeding
from tests.conftest import Cli
from tests.helpers.embedded_aws_server import refused

ACCOUNT = "000000000000"
GRANT = "/demo/sandbox/approvals/release"
SSO = "AWSReservedSSO_Approver_0123456789abcdef"


def who(keys: Keys) -> str:
    arn: str = keys.client("sts").get_caller_identity()["Arn"]
    return arn


def put(ssm: Any, name: str = GRANT) -> None:
    ssm.put_parameter(Name=name, Value="approve", Type="String", Overwrite=True)


@pytest.fixture
def grant(account: Environment) -> Iterator[str]:
    yield GRANT
    credentials("root").client("ssm").delete_parameters(Names=[GRANT])


def test_people_are_iam_users_with_stable_keys(sandbox: StateDirectory) -> None:
    """The sandbox's people are IAM users, whose keys stay the same when they are seeded again."""
    for person in PEOPLE:
        assert who(credentials(person)) == f"arn:aws:iam::{ACCOUNT}:user/{person}"
    before = sandbox.people.read_bytes()
    keys = credentials("root")
    assert seeding.main(["--state-directory", str(sandbox.root), "--aws-endpoint", keys.endpoint]) == 0
    assert sandbox.people.read_bytes() == before


def test_session_name_is_fixed_where_role_says_so(sandbox: StateDirectory) -> None:
    """A session's name is free in one role and fixed in the others; outsiders get no session."""
    assert who(session("oncall", "alice", "anyone")).endswith("assumed-role/oncall/anyone")
    for role in ("oncall-named", SSO):
        assert who(session(role, "bob")).endswith(f"assumed-role/{role}/bob")
        with pytest.raises(ClientError, match="AccessDenied"):
            session(role, "bob", "alice")
    for role in ROLES:
        with pytest.raises(ClientError, match="AccessDenied"):
            session(role, "outsider")
    (made,) = [r for r in credentials("root").client("iam").list_roles()["Roles"] if r["RoleName"] == SSO]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{SSO}"


def test_approvers_write_grants_and_nobody_deletes_them(grant: str) -> None:
    """Approvers write decisions under their own names; nobody deletes or labels one, outsiders write none."""
    approvers = [*(credentials(name) for name in APPROVERS), *(session(role, "alice") for role in ROLES)]
    for approver in approvers:
        put(approver.client("ssm"))
    history = credentials("alice").client("ssm").get_parameter_history(Name=grant)["Parameters"]
    assert [version["LastModifiedUser"] for version in history] == [who(approver) for approver in approvers]
    for person in (*approvers, credentials("outsider"), credentials("initiator")):
        ssm = person.client("ssm")
        assert "AccessDenied" in refused(ssm.delete_parameter, Name=grant)
        assert "AccessDenied" in refused(ssm.delete_parameters, Names=[grant])
        assert "AccessDenied" in refused(ssm.label_parameter_version, Name=grant, Labels=["used"])
    assert credentials("outsider").client("ssm").get_parameter(Name=grant)
    for reader in ("outsider", "initiator"):
        ssm = credentials(reader).client("ssm")
        assert "AccessDenied" in refused(ssm.put_parameter, Name=grant, Value="approve", Overwrite=True)


def test_deployer_reads_grants_and_changes_none(account: Environment, grant: str) -> None:
    """The deployer reads decisions and may not write, delete, label or tag them."""
    put(credentials("alice").client("ssm"))
    ssm = Aws(account).client("ssm")
    assert ssm.get_parameter_history(Name=grant)["Parameters"]
    put(ssm, "/demo/sandbox/other")
    ssm.delete_parameter(Name="/demo/sandbox/other")
    refusals = [
        refused(ssm.put_parameter, Name=grant, Value="reject", Overwrite=True),
        refused(ssm.delete_parameter, Name=grant),
        refused(ssm.delete_parameters, Names=[grant]),
        refused(ssm.label_parameter_version, Name=grant, Labels=["used"]),
        refused(
            ssm.add_tags_to_resource, ResourceType="Parameter", ResourceId=grant, Tags=[{"Key": "a", "Value": "b"}]
        ),
    ]
    assert {refusal.partition(":")[0] for refusal in refusals} == {"AccessDeniedException"}


def test_stack_of_deployer_cannot_write_grant(account: Environment, grant: str) -> None:
    """A stack that the deployer starts cannot write a decision either; of another name it starts none."""
    name = "demo-sandbox-irsa-roles"  # of a unit that the environment switches off; rights end at such names
    cloudformation = Aws(account).client("cloudformation")
    forged = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": grant, "Type": "String", "Value": "approve"}}
    template = json.dumps({"Resources": {"Grant": forged}})
    change: Any = {"ChangeSetName": "forge", "ChangeSetType": "CREATE", "TemplateBody": template}
    assert "AccessDenied" in refused(cloudformation.create_change_set, StackName="demo-sandbox-forged", **change)
    cloudformation.create_change_set(StackName=name, **change)
    cloudformation.execute_change_set(StackName=name, ChangeSetName="forge")
    with pytest.raises(Exception, match="ROLLBACK_COMPLETE"):
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
    cloudformation.delete_stack(StackName=name)
    assert "ParameterNotFound" in refused(credentials("root").client("ssm").get_parameter_history, Name=grant)


def test_approver_policy_is_for_its_environment_only(account: Environment, grant: str) -> None:
    """The bootstrap's policy lets a user approve in that environment, and read the requests alone."""
    root = credentials("root")
    iam, cloudformation = root.client("iam"), root.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName="demo-sandbox-bootstrap")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    iam.create_user(UserName="dave")
    iam.attach_user_policy(UserName="dave", PolicyArn=outputs["ApproverPolicyArn"])
    made = iam.create_access_key(UserName="dave")["AccessKey"]
    dave = Keys(made["AccessKeyId"], made["SecretAccessKey"], root.endpoint)
    ssm, s3 = dave.client("ssm"), dave.client("s3")
    put(ssm)
    assert ssm.get_parameter_history(Name=grant)["Parameters"]
    assert ssm.describe_parameters()["Parameters"]
    assert "AccessDenied" in refused(ssm.delete_parameter, Name=grant)
    other = {"Name": "/demo/gated/approvals/release", "Value": "approve", "Type": "String"}
    assert "AccessDenied" in refused(ssm.put_parameter, **other)
    bucket = outputs["LedgerBucket"]
    ledger = root.client("s3")
    entry = ledger.list_objects_v2(Bucket=bucket, Prefix="changes/")["Contents"][0]["Key"]
    assert "AccessDenied" in refused(s3.get_object, Bucket=bucket, Key=entry)
    key = "releases/a.json"
    version = ledger.put_object(Bucket=bucket, Key=key, Body=b"{}")["VersionId"]
    try:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"{}"
    finally:
        ledger.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)


def test_pipeline_starts_as_identity_of_shell(account: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline starts as whoever the shell's keys are; only some may become the deployer."""

    def starts_as(keys: Keys | None) -> str:
        for name, value in (keys.variables() if keys else {}).items():
            monkeypatch.setenv(name, value)
        return Aws(account, as_deployer=False).check_account()

    assert starts_as(None) == f"arn:aws:iam::{ACCOUNT}:root"
    assert starts_as(credentials("initiator")) == f"arn:aws:iam::{ACCOUNT}:user/initiator"
    assert ":assumed-role/" in Aws(account).check_account()
    assert starts_as(credentials("outsider")) == f"arn:aws:iam::{ACCOUNT}:user/outsider"
    with pytest.raises(AccessDenied):
        Aws(account).check_account()
    assert starts_as(session("oncall", "alice", "night")).endswith(":assumed-role/oncall/night")
    with pytest.raises(AccessDenied):
        starts_as(Keys("AKIAOFANOTHERSANDBOX", "secret", credentials("root").endpoint))


def test_sandbox_command_prints_keys_and_mail(eks_assets: Cli, sandbox: StateDirectory) -> None:
    """`sandbox env --as` prints a person's keys, `sandbox mail` the mail."""
    shown = eks_assets("sandbox", "env", "sandbox", "--as", "bob")
    assert f"export AWS_ACCESS_KEY_ID={credentials('bob').access_key_id}" in shown.stdout
    assert "unset AWS_SESSION_TOKEN" in shown.stdout
    unknown = eks_assets("sandbox", "env", "--as", "mallory")
    assert unknown.returncode == 2
    assert "initiator, alice, bob, carol, outsider" in unknown.stderr
    sns = credentials("root").client("sns")
    topic = sns.create_topic(Name="people-news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    for subject in ("first", "second"):
        sns.publish(TopicArn=topic, Subject=subject, Message="body")
    sns.delete_topic(TopicArn=topic)
    (mail,) = json.loads(eks_assets("sandbox", "mail", "--json", "--last", "1").stdout)
    assert (mail["subject"], mail["to"], mail["message"]) == ("second", "ops@example.com", "body")
    assert "Subject: first\n\nbody\n" in eks_assets("sandbox", "mail").stdout


def test_credentials_without_sandbox_are_refused(tmp_path: Any) -> None:
    """Without a running sandbox there are no keys, and the error says so."""
    with pytest.raises(SandboxError, match="The sandbox is down"):
        credentials("alice", StateDirectory(tmp_path))
