"""Our own comparison on the embedded AWS: nothing differs after a deploy, and each change by hand does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.drivers.stack.comparison import LAYER
from resources.drivers.stack.live.comparison import READERS, compare_live
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import cluster, get, node_group, policy, prepare, ref, resource

pytestmark = pytest.mark.sandbox
NAME = {"Key": "Name", "Value": "demo"}
OPEN = policy("*", Principal={"AWS": "*"}, Resource="*")


def template(values: dict[str, Any]) -> dict[str, Any]:
    """A resource of each type that has a reader; what they need beside it."""
    ours = policy("sqs:SendMessage", Principal={"Service": "events.amazonaws.com"}, Resource="*")
    trust = policy(Principal={"Service": "pods.eks.amazonaws.com"})
    service = {"ClusterName": "demo", "Namespace": "a", "ServiceAccount": "b"}
    return {
        "Addon": resource("EKS::Addon", ClusterName="demo", AddonName="kube-proxy", ResolveConflicts="OVERWRITE"),
        "OtherAddon": resource("EKS::Addon", ClusterName="demo", AddonName="coredns", ResolveConflicts="OVERWRITE"),
        "OtherBucket": resource("S3::Bucket", BucketName="demo-other"),
        "OtherQueue": resource("SQS::Queue", QueueName="demo-other"),
        "OtherTopic": resource("SNS::Topic", TopicName="demo-other"),
        "Attachment": resource("EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
        "Bucket": resource("S3::Bucket", BucketName="demo-live"),
        "BucketPolicy": resource("S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument=ours),
        "Capability": resource(
            "EKS::Capability",
            ClusterName="demo",
            CapabilityName="kro",
            Type="KRO",
            RoleArn=get("OtherRole", "Arn"),
            DeletePropagationPolicy="RETAIN",
        ),
        "Certificate": resource(
            "CertificateManager::Certificate", DomainName="demo.test", ValidationMethod="DNS", Tags=[NAME]
        ),
        "Entry": resource("EKS::AccessEntry", ClusterName="demo", PrincipalArn=get("Role", "Arn"), Type="STANDARD"),
        "Identities": resource(
            "EKS::IdentityProviderConfig",
            ClusterName="demo",
            IdentityProviderConfigName="people",
            Type="oidc",
            Oidc={
                "IssuerUrl": "https://people.demo.test",
                "ClientId": "cluster",
                "RequiredClaims": [{"Key": "aud", "Value": "cluster"}],
            },
            Tags=[NAME],
        ),
        "Files": resource("EFS::FileSystem", Encrypted=True),
        "Gateway": resource("EC2::InternetGateway"),
        "Log": resource("Logs::LogGroup", LogGroupName="/demo/live", RetentionInDays=7),
        "Nodes": node_group(values),
        "Point": resource("EFS::AccessPoint", FileSystemId=ref("Files"), PosixUser={"Uid": "1", "Gid": "2"}),
        "Pods": resource("EKS::PodIdentityAssociation", RoleArn=get("Role", "Arn"), **service),
        "Provider": resource("IAM::OIDCProvider", Url="https://oidc.demo.test", ClientIdList=["sts.amazonaws.com"]),
        "Queue": resource("SQS::Queue", QueueName="demo-live"),
        "QueuePolicy": resource("SQS::QueuePolicy", Queues=[ref("Queue")], PolicyDocument=ours),
        "Role": resource("IAM::Role", RoleName="demo-live", AssumeRolePolicyDocument=trust),
        "OtherRole": resource("IAM::Role", RoleName="demo-other", AssumeRolePolicyDocument=trust),
        "Secret": resource("SecretsManager::Secret", Name="demo/live", SecretString="one"),
        "SecretPolicy": resource(
            "SecretsManager::ResourcePolicy", SecretId=ref("Secret"), ResourcePolicy=ours, BlockPublicPolicy=True
        ),
        "Topic": resource("SNS::Topic", TopicName="demo-live"),
        "TopicPolicy": resource("SNS::TopicPolicy", Topics=[ref("Topic")], PolicyDocument=ours),
        "Vpc": resource("EC2::VPC", CidrBlock="10.9.0.0/16"),
    }


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        values = prepare(made.server)
        made.server.deploy("platform", {"Demo": cluster("demo", values, Version="1.34")})
        made.deploy(made.spec(template(values)))
        yield made


def compared(stacks: Stacks, stack: str = STACK) -> dict[str, Any]:
    """Findings by resource and path, with all resources left to us."""
    (live,) = stacks.cloudformation.describe_stacks(StackName=stack)["Stacks"]
    summaries = stacks.cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    left_out = {one["LogicalResourceId"]: "left out" for one in summaries if one["ResourceType"] in READERS}
    comparison = compare_live(live, summaries, left_out, stacks.context)
    assert comparison.unchecked == ()
    assert all(d.finding.layer == LAYER and d.by_hand for d in comparison.differences)
    return {f"{d.logical_id}: {d.finding.field.path}": d.finding.field.after for d in comparison.drifted}


def test_every_reader_agrees_with_what_was_deployed(stacks: Stacks) -> None:
    """No false finding, for any type that has a reader."""
    missing = READERS.keys() - {one["Type"] for one in template({"node_role": "", "A": "", "B": ""}).values()}
    assert missing == {"AWS::EKS::Cluster", "AWS::EKS::FargateProfile"}
    assert (compared(stacks), compared(stacks, "platform")) == ({}, {})


def change_by_hand(stacks: Stacks, physical: Callable[[str], str]) -> None:
    aws: Any = stacks.context.aws.client
    open_policy = json.dumps(OPEN)
    aws("ec2").detach_internet_gateway(InternetGatewayId=physical("Gateway"), VpcId=physical("Vpc"))
    aws("efs").delete_access_point(AccessPointId=physical("Point"))
    aws("eks").delete_addon(clusterName="demo", addonName="kube-proxy")
    aws("eks").update_nodegroup_config(
        clusterName="demo", nodegroupName="workers", labels={"addOrUpdateLabels": {"team": "theirs"}}
    )
    aws("eks").update_addon(clusterName="demo", addonName="coredns", configurationValues='{"replicaCount": 9}')
    account = {"AWS": f"arn:aws:iam::{stacks.env.account}:root"}
    ours = json.dumps(policy("s3:GetObject", Principal=account, Resource="arn:aws:s3:::demo-other/*"))
    aws("s3").put_bucket_policy(Bucket="demo-other", Policy=ours)
    aws("sns").set_topic_attributes(TopicArn=physical("OtherTopic"), AttributeName="Policy", AttributeValue=open_policy)
    aws("sqs").set_queue_attributes(QueueUrl=physical("OtherQueue"), Attributes={"Policy": open_policy})
    aws("eks").update_access_entry(
        clusterName="demo",
        principalArn=f"arn:aws:iam::{stacks.env.account}:role/demo-live",
        kubernetesGroups=["admins"],
    )
    aws("eks").delete_pod_identity_association(clusterName="demo", associationId=physical("Pods").rpartition("/")[2])
    aws("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=physical("Provider"))
    aws("iam").attach_role_policy(RoleName="demo-live", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    aws("iam").update_assume_role_policy(
        RoleName="demo-live", PolicyDocument=json.dumps(policy(Principal={"AWS": "*"}))
    )
    aws("logs").put_retention_policy(logGroupName="/demo/live", retentionInDays=1)
    aws("s3").delete_bucket_policy(Bucket="demo-live")
    aws("secretsmanager").put_resource_policy(SecretId="demo/live", ResourcePolicy=open_policy)
    aws("sns").set_topic_attributes(TopicArn=physical("Topic"), AttributeName="Policy", AttributeValue=open_policy)
    aws("sqs").set_queue_attributes(QueueUrl=physical("Queue"), Attributes={"Policy": open_policy})


def test_changes_by_hand_are_found(stacks: Stacks) -> None:
    """One of each kind; of the group's size an autoscaler is the writer."""
    summaries = stacks.cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in summaries}
    change_by_hand(stacks, lambda name: ids[name])
    stacks.context.aws.client("eks").update_nodegroup_config(
        clusterName="demo", nodegroupName="workers", scalingConfig={"desiredSize": 3}
    )
    found = compared(stacks)
    whole = {"Addon: ", "Attachment: ", "BucketPolicy: ", "Point: ", "Pods: ", "Provider: "}
    assert {key for key in found if key.endswith(": ")} == whole
    assert {key: found[key] for key in ("Nodes: Labels.team", "Log: RetentionInDays")} == {
        "Nodes: Labels.team": "theirs",
        "Log: RetentionInDays": 1,
    }
    assert any(key.startswith("Role: ManagedPolicyArns.arn:aws:iam::aws:policy/Admin") for key in found)
    assert {key.partition(".")[0] for key in found} - whole == {
        "Entry: KubernetesGroups",
        "Log: RetentionInDays",
        "Nodes: Labels",
        "OtherAddon: ConfigurationValues",
        "OtherBucket: Policy",
        "OtherQueue: Policy",
        "OtherTopic: Policy",
        "QueuePolicy: PolicyDocument",
        "Role: AssumeRolePolicyDocument",
        "Role: ManagedPolicyArns",
        "SecretPolicy: ResourcePolicy",
        "TopicPolicy: PolicyDocument",
    }
