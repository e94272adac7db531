"""The inventory lists what is left of an environment, with owner and command, and proves nothing that it cannot see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.cloudformation import ENVIRONMENT_TAG
from resources.config.environment import Environment
from resources.model.errors import AccessDenied
from resources.undeclared import inventory
from resources.undeclared.inventory import Left, list_left
from resources.undeclared.removal_commands import parse_arn, removal_command
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import ref, resource


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


def client(stacks: Stacks, service: str) -> Any:
    make: Any = stacks.context.aws.client
    return make(service)


def test_everything_left_is_named_with_owner_and_command(stacks: Stacks) -> None:
    """By stack, VPC, tag, cluster, name and path; bootstrap's is marked, what waits has its day."""
    env, tags = stacks.env, {ENVIRONMENT_TAG: stacks.env.name}
    network = {
        "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
        "A": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.0.0/24", AvailabilityZone="us-west-2a"),
    }
    stacks.deploy(stacks.spec(network, tags=tags))
    bootstrap = stacks.spec({"Topic": resource("SNS::Topic", TopicName="boot")}, tags=tags)
    stacks.deploy(bootstrap.model_copy(update={"name": env.stack_name("bootstrap")}))
    other = stacks.spec({"Topic": resource("SNS::Topic", TopicName="other")}, tags={ENVIRONMENT_TAG: "other"})
    stacks.deploy(other.model_copy(update={"name": f"{env.resource_prefix}-2-network"}))
    parts = stacks.cloudformation.list_stack_resources(StackName=stacks.spec({}).name)["StackResourceSummaries"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in parts}

    name = [{"Key": "Name", "Value": env.vpc_name}]
    client(stacks, "ec2").create_tags(Resources=[ids["Vpc"]], Tags=name)
    eni = client(stacks, "ec2").create_network_interface(SubnetId=ids["A"], Description="theirs")["NetworkInterface"]
    owned = [{"Key": f"kubernetes.io/cluster/{env.cluster_name}", "Value": "owned"}]
    volume = client(stacks, "ec2").create_volume(
        AvailabilityZone="us-west-2a", Size=1, TagSpecifications=[{"ResourceType": "volume", "Tags": owned}]
    )["VolumeId"]
    client(stacks, "iam").create_role(
        RoleName=f"{env.resource_prefix}-network-Role-1",
        AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}',
    )
    secret = client(stacks, "secretsmanager").create_secret(Name=env.parameter_path("a"), SecretString="s")["ARN"]
    client(stacks, "secretsmanager").delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    client(stacks, "ssm").put_parameter(Name=env.parameter_path("b"), Value="v", Type="String")

    left = {str(one): one for one in list_left(stacks.context)}
    region = f" --region {env.region}"
    interface = eni["NetworkInterfaceId"]
    stack, role = stacks.spec({}).name, f"{env.resource_prefix}-network-Role-1"
    for kind, identifier, command in (
        ("CloudFormation::Stack", stack, "cloudformation delete-stack --stack-name"),
        ("EC2::NetworkInterface", interface, "ec2 delete-network-interface --network-interface-id"),
        ("EC2::Subnet", ids["A"], "ec2 delete-subnet --subnet-id"),
        ("EC2::VPC", ids["Vpc"], "ec2 delete-vpc --vpc-id"),
        ("EC2::Volume", volume, "ec2 delete-volume --volume-id"),
        ("IAM::Role", role, "iam delete-role --role-name"),
        ("SSM::Parameter", env.parameter_path("b"), "ssm delete-parameter --name"),
    ):
        one = left[f"AWS::{kind} {identifier}"]
        assert one.command == f"aws {command} {identifier}{region}"
        assert one.owner
    waiting = left[f"AWS::SecretsManager::Secret {secret}"]
    assert waiting.waits
    assert waiting.command == ""
    made = [one for one in left.values() if one.bootstrap]
    assert {one.kind for one in made} == {"AWS::CloudFormation::Stack", "AWS::SNS::Topic"}
    assert {one.command for one in made} == {"eks-assets bootstrap sandbox --remove"}
    assert not [title for title in left if "-2-network" in title or title.endswith(":other")]


def test_what_may_not_be_listed_is_unknown(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is in the inventory, so that it is not taken for nothing."""

    def refuse(_: Any) -> Iterator[Left]:
        raise AccessDenied("listing roles: AWS says AccessDenied")

    monkeypatch.setattr(inventory, "_READERS", {"roles": refuse})
    (one,) = list_left(stacks.context)
    assert (one.unknown, one.kind, one.command) == (True, "roles", "")
    assert "AccessDenied" in one.owner


@pytest.mark.parametrize(
    ("arn", "kind", "identifier"),
    [
        ("arn:aws:elasticfilesystem:us-west-2:1:file-system/fs-1", "AWS::EFS::FileSystem", "fs-1"),
        ("arn:aws:iam::1:role/path/name", "AWS::IAM::Role", "name"),
        ("arn:aws:logs:us-west-2:1:log-group:/aws/eks/a/cluster:*", "AWS::Logs::LogGroup", "/aws/eks/a/cluster"),
        ("arn:aws:ssm:us-west-2:1:parameter/a/b", "AWS::SSM::Parameter", "/a/b"),
        ("arn:aws:sqs:us-west-2:1:queue", "AWS::SQS::Queue", "arn:aws:sqs:us-west-2:1:queue"),
        ("arn:aws:unheard:us-west-2:1:thing/1", "unheard", "arn:aws:unheard:us-west-2:1:thing/1"),
    ],
)
def test_arns_are_known_by_type(arn: str, kind: str, identifier: str) -> None:
    """The physical id is the one that CloudFormation and the command line take."""
    assert parse_arn(arn) == (kind, identifier)
    assert bool(removal_command(kind, identifier, "us-west-2")) == (kind != "unheard")
