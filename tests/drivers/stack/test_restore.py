"""What is changed or deleted by hand in a stack: drift and plan name it alike, one deploy puts it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.drivers.stack.drift import stack_drift
from resources.drivers.stack.driver import StackDriver
from resources.model.change import Change, FieldChange
from resources.model.drift import Finding
from resources.model.errors import OperationFailed, Refused
from resources.model.specs import Stack
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import cluster, node_group, policy, prepare, resource

pytestmark = pytest.mark.sandbox
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
READER = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture(scope="module")
def values(stacks: Stacks) -> dict[str, Any]:
    """A network, roles and a cluster with nodes, in stacks of their own."""
    made = prepare(stacks.server)
    stacks.server.deploy("platform", {"Cluster": cluster("demo", made)})
    return made


@pytest.fixture(autouse=True)
def no_stack(stacks: Stacks) -> None:
    stacks.remove()


def drift(stacks: Stacks) -> tuple[Finding, ...]:
    stacks.context.cache.clear()
    return stack_drift(STACK, stacks.context).findings


def restored(stacks: Stacks, spec: Stack[Any]) -> Change:
    """What the plan said, after a deploy that followed it; there is nothing left, and no change set."""
    findings = drift(stacks)
    assert not any(f.by_hand for f in findings)
    change = stacks.preview(spec)
    shown = {f.path for f in change.fields}
    assert shown >= {f"{f.object}: {f.field.path}" if f.field.path else f.object for f in findings}
    stacks.deploy(spec)
    assert drift(stacks) == ()
    assert stacks.plan(spec).action == "none"
    assert set(stacks.change_sets().values()) <= {"EXECUTE_COMPLETE"}
    return change


def test_resources_deleted_by_hand_come_back(stacks: Stacks, values: dict[str, Any]) -> None:
    """Each kind of resource of a stack, an EKS add-on among them."""
    kinds = {
        "Addon": resource("EKS::Addon", ClusterName="demo", AddonName="kube-proxy"),
        "Entry": resource("EKS::AccessEntry", ClusterName="demo", PrincipalArn=values["role"], Type="STANDARD"),
        "Group": resource("EC2::SecurityGroup", GroupDescription="test", VpcId=values["Vpc"]),
        "Log": resource("Logs::LogGroup", LogGroupName="/demo/log", RetentionInDays=7),
        "Name": resource("SSM::Parameter", Name="/demo/name", Type="String", Value="one"),
        "Queue": resource("SQS::Queue", QueueName="demo-queue"),
        "Role": resource("IAM::Role", RoleName="demo-role", AssumeRolePolicyDocument=policy(Principal={"AWS": "*"})),
        "Topic": resource("SNS::Topic", TopicName="demo-topic"),
    }
    spec = stacks.spec(kinds)
    stacks.deploy(spec)
    assert stacks.plan(spec).action == "none"
    aws = stacks.context.aws.client
    aws("eks").delete_addon(clusterName="demo", addonName="kube-proxy")
    aws("eks").delete_access_entry(clusterName="demo", principalArn=values["role"])
    outputs = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in live_resources(stacks)}
    aws("ec2").delete_security_group(GroupId=outputs["Group"])
    aws("logs").delete_log_group(logGroupName="/demo/log")
    aws("ssm").delete_parameter(Name="/demo/name")
    aws("sqs").delete_queue(QueueUrl=outputs["Queue"])
    aws("iam").delete_role(RoleName="demo-role")
    aws("sns").delete_topic(TopicArn=outputs["Topic"])

    change = restored(stacks, spec)
    missing = [f for f in change.fields if f.path.startswith("AWS::")]
    assert sorted(f.path.split()[1] for f in missing) == sorted(kinds)
    assert {(f.before, f.after) for f in missing} == {(None, "exists")}
    assert aws("eks").describe_addon(clusterName="demo", addonName="kube-proxy")["addon"]["status"] == "ACTIVE"


def test_log_group_that_a_service_made_again_gets_its_tags_back(stacks: Stacks) -> None:
    """EKS makes the one that it writes to: bare, under the same name."""
    group = resource("Logs::LogGroup", LogGroupName="/demo/again", RetentionInDays=7)
    spec = stacks.spec({"Log": group}, tags={"team": "payments"})
    stacks.deploy(spec)
    logs = stacks.context.aws.client("logs")
    logs.delete_log_group(logGroupName="/demo/again")
    logs.create_log_group(logGroupName="/demo/again")
    restored(stacks, spec)
    (made,) = logs.describe_log_groups(logGroupNamePrefix="/demo/again")["logGroups"]
    assert made["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=made["arn"].removesuffix(":*"))["tags"]["team"] == "payments"


def live_resources(stacks: Stacks) -> list[Any]:
    found: list[Any] = stacks.cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    return found


def test_changes_by_hand_are_put_back_field_by_field(stacks: Stacks, values: dict[str, Any]) -> None:
    """An opened group, an attached policy, a trust in everybody, a retention; beside a change of the template."""

    def spec(display: str) -> Stack[Any]:
        role = resource(
            "IAM::Role",
            RoleName="demo-role",
            ManagedPolicyArns=[READER],
            AssumeRolePolicyDocument=policy(Principal={"Service": "ec2.amazonaws.com"}),
        )
        rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/16"}
        group = resource(
            "EC2::SecurityGroup", GroupDescription="test", VpcId=values["Vpc"], SecurityGroupIngress=[rule]
        )
        log = resource("Logs::LogGroup", LogGroupName="/demo/log", RetentionInDays=7)
        return stacks.spec(
            {"Role": role, "Group": group, "Log": log, "Topic": resource("SNS::Topic", DisplayName=display)}
        )

    stacks.deploy(spec("one"))
    assert stacks.plan(spec("one")).action == "none"
    aws = stacks.context.aws.client
    group = next(r["PhysicalResourceId"] for r in live_resources(stacks) if r["LogicalResourceId"] == "Group")
    ssh: Any = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    aws("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=ssh)
    aws("iam").attach_role_policy(RoleName="demo-role", PolicyArn=ADMINISTRATOR)
    aws("iam").update_assume_role_policy(
        RoleName="demo-role", PolicyDocument=json.dumps(policy(Principal={"AWS": "*"}))
    )
    aws("logs").put_retention_policy(logGroupName="/demo/log", retentionInDays=1)

    change = restored(stacks, spec("two"))
    assert FieldChange("AWS::IAM::Role Role (demo-role): ManagedPolicyArns.1", ADMINISTRATOR, None) in change.fields
    assert FieldChange("AWS::Logs::LogGroup Log (/demo/log): RetentionInDays", "1", "7") in change.fields
    assert FieldChange("template.Resources.Topic.Properties.DisplayName", "one", "two") in change.fields
    assert (
        FieldChange(
            "Resources.Role", "AWS::IAM::Role", "Modify AWS::IAM::Role: AssumeRolePolicyDocument, ManagedPolicyArns"
        )
        in change.fields
    )
    attached = aws("iam").list_attached_role_policies(RoleName="demo-role")["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [READER]


def test_size_of_a_node_group_between_its_bounds_is_no_drift(stacks: Stacks, values: dict[str, Any]) -> None:
    """An autoscaler moves it; outside of the bounds somebody has changed the bounds, too."""
    spec = stacks.spec({"Nodes": node_group(values)})
    stacks.deploy(spec)
    eks = stacks.context.aws.client("eks")
    eks.update_nodegroup_config(clusterName="demo", nodegroupName="workers", scalingConfig={"desiredSize": 3})
    assert (drift(stacks), stacks.plan(spec).action) == ((), "none")
    scaled: Any = {"minSize": 1, "desiredSize": 5, "maxSize": 9}
    eks.update_nodegroup_config(clusterName="demo", nodegroupName="workers", scalingConfig=scaled)
    change = restored(stacks, spec)
    sizes = {f.path.rpartition(".")[2]: (f.before, f.after) for f in change.fields if "ScalingConfig." in f.path}
    assert sizes == {"DesiredSize": ("5", "2"), "MaxSize": ("9", "3")}


def test_version_moved_by_hand_is_refused_until_the_file_says_so(stacks: Stacks, values: dict[str, Any]) -> None:
    """EKS takes no version back: the plan names it, a deploy changes nothing, and accepting it makes it settled."""

    def spec(version: str) -> Stack[Any]:
        return stacks.spec({"Cluster": cluster("other", values, Version=version)}, tags={"team": version})

    stacks.deploy(spec("1.34"))
    eks = stacks.context.aws.client("eks")
    eks.update_cluster_version(name="other", version="1.35")
    assert [f.by_hand for f in drift(stacks)] == [True]
    change = stacks.preview(spec("1.34"))
    assert [line for line in change.disrupts if "takes no version back; set 1.35" in line]
    before = stacks.events()
    with pytest.raises(Refused, match="takes no version back"):
        stacks.deploy(spec("1.34"))
    assert stacks.events() == before
    accepted = stacks.preview(spec("1.35"))
    assert FieldChange("template.Resources.Cluster.Properties.Version", "1.34", "1.35") in accepted.fields
    assert not [f for f in accepted.fields if f.path.startswith("AWS::")]
    stacks.deploy(spec("1.35"))
    assert (drift(stacks), stacks.plan(spec("1.35")).action) == ((), "none")


def test_policy_on_a_role_beyond_its_template_is_named_with_the_way_out(stacks: Stacks) -> None:
    """CloudFormation sees only what a template declares, and takes nothing else away."""
    trust = policy(Principal={"Service": "ec2.amazonaws.com"})
    spec = stacks.spec({"Role": resource("IAM::Role", RoleName="demo-role", AssumeRolePolicyDocument=trust)})
    stacks.deploy(spec)
    iam = stacks.context.aws.client("iam")
    iam.attach_role_policy(RoleName="demo-role", PolicyArn=ADMINISTRATOR)
    iam.put_role_policy(RoleName="demo-role", PolicyName="mine", PolicyDocument=json.dumps(policy("*", Resource="*")))
    title, arn = "AWS::IAM::Role Role (demo-role)", f"ManagedPolicyArns.{ADMINISTRATOR}"
    assert [(f.object, f.field.path, f.kind, f.by_hand) for f in drift(stacks)] == [
        (title, arn, "extra", True),
        (title, "Policies.mine", "extra", True),
    ]
    change = stacks.preview(spec)
    assert [f.path for f in change.fields] == [f"{title}: {arn}", f"{title}: Policies.mine"]
    assert any("aws iam delete-role-policy --role-name demo-role --policy-name mine" in d for d in change.disrupts)
    before = stacks.events()
    with pytest.raises(OperationFailed, match=r"Policies\.mine") as failed:
        stacks.deploy(spec)
    assert "aws iam detach-role-policy --role-name demo-role" in failed.value.next_step
    assert stacks.events() == before
    stacks.ignored = {arn, "Policies.mine"}
    assert stacks.plan(spec).action == "none"
    described = stacks.spec({"Role": {**spec.template["Resources"]["Role"], "DeletionPolicy": "Delete"}})
    assert stacks.plan(described).action == "update"
    stacks.deploy(described)
    stacks.ignored = set()
    assert stacks.plan(described).action == "update"
    iam.detach_role_policy(RoleName="demo-role", PolicyArn=ADMINISTRATOR)
    iam.delete_role_policy(RoleName="demo-role", PolicyName="mine")
    assert (drift(stacks), stacks.plan(described).action) == ((), "none")


def test_what_stays_different_is_said_and_ends_the_deploy(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deploy that could not put something back fails, and names it."""
    spec = stacks.spec({"Topic": resource("SNS::Topic", DisplayName="one")})
    stacks.deploy(spec)
    arn = live_resources(stacks)[0]["PhysicalResourceId"]
    sns = stacks.context.aws.client("sns")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="theirs")
    assert stacks.preview(spec).action == "update"
    change_it_back = StackDriver._protect

    def someone_changes_it_again(driver: StackDriver, *arguments: Any) -> None:
        change_it_back(driver, *arguments)
        sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="theirs")

    monkeypatch.setattr(StackDriver, "_protect", someone_changes_it_again)
    with pytest.raises(
        OperationFailed, match=rf"still differs from its template: AWS::SNS::Topic Topic \({arn}\): Disp"
    ):
        stacks.deploy(spec)
    assert set(stacks.change_sets().values()) <= {"EXECUTE_COMPLETE"}
