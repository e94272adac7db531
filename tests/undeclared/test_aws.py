"""What counts as a resource of AWS that nobody declared, on the embedded AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.cloudformation import ENVIRONMENT_TAG
from resources.config.environment import Environment
from resources.model.specs import Stack
from resources.undeclared.aws import ids_in, undeclared_resources
from resources.undeclared.known_resources import known_reason
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import ref, resource

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


def declared(stacks: Stacks) -> Stack[Any]:
    """A VPC with something of most kinds in it, all with the environment's tag."""
    resources = {
        "Vpc": resource("EC2::VPC", CidrBlock="10.9.0.0/16"),
        "A": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.9.0.0/24", AvailabilityZone="us-west-2a"),
        "B": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.9.1.0/24", AvailabilityZone="us-west-2b"),
        "Group": resource("EC2::SecurityGroup", GroupDescription="ours", VpcId=ref("Vpc")),
        "Table": resource("EC2::RouteTable", VpcId=ref("Vpc")),
        "Queue": resource("SQS::Queue", QueueName="demo-queue"),
        "Topic": resource("SNS::Topic", TopicName="demo-topic"),
    }
    return stacks.spec(resources, tags={ENVIRONMENT_TAG: stacks.env.name})


def test_what_is_made_by_hand_is_found_and_what_others_make_is_not(stacks: Stacks) -> None:
    """Load balancer, group, interface, tagged queue; not those of stacks and controllers, nor what each VPC has."""
    spec = declared(stacks)
    stacks.deploy(spec)
    ids = {
        r["LogicalResourceId"]: r["PhysicalResourceId"]
        for r in stacks.cloudformation.list_stack_resources(StackName=spec.name)["StackResourceSummaries"]
    }
    assert undeclared_resources([spec], stacks.context).findings == ()

    aws: Any = stacks.context.aws.client
    subnets = [ids["A"], ids["B"]]
    ours = [{"Key": "elbv2.k8s.aws/cluster", "Value": stacks.env.cluster_name}]
    aws("elbv2").create_load_balancer(Name="ours", Subnets=subnets, Tags=ours)
    (balancer,) = aws("elbv2").create_load_balancer(Name="theirs", Subnets=subnets)["LoadBalancers"]
    group = aws("ec2").create_security_group(GroupName="theirs", Description="theirs", VpcId=ids["Vpc"])["GroupId"]
    interfaces = {
        description: aws("ec2").create_network_interface(SubnetId=ids["A"], Description=description)
        for description in ("ELB net/theirs/0123", "theirs")
    }
    interface = interfaces["theirs"]["NetworkInterface"]["NetworkInterfaceId"]
    queue = aws("sqs").create_queue(QueueName="theirs", tags={ENVIRONMENT_TAG: stacks.env.name})["QueueUrl"]
    aws("sqs").create_queue(QueueName="elsewhere", tags={ENVIRONMENT_TAG: "another"})

    found = undeclared_resources([spec], stacks.context)
    assert found.unchecked == ()
    arn = f"arn:aws:sqs:{stacks.env.region}:{stacks.env.account}:theirs"
    assert sorted((f.kind, f.resource.physical_id) for f in found.findings if f.resource) == sorted(
        ("undeclared", one) for one in (balancer["LoadBalancerArn"], group, interface, arn)
    )
    assert queue.endswith("/theirs")
    assert all((f.field.before, f.field.after) == (None, "exists") for f in found.findings)


@pytest.mark.parametrize(
    ("arn", "physical_id"),
    [
        ("arn:aws:ec2:us-west-2:1:security-group/sg-1", "sg-1"),
        ("arn:aws:eks:us-west-2:1:cluster/demo", "demo"),
        ("arn:aws:eks:us-west-2:1:nodegroup/demo/workers/uuid", "demo/workers"),
        ("arn:aws:eks:us-west-2:1:addon/demo/coredns/uuid", "demo|coredns"),
        ("arn:aws:eks:us-west-2:1:access-entry/demo/role/1/people/uuid", "arn:aws:iam::1:role/people|demo"),
        ("arn:aws:logs:us-west-2:1:log-group:/aws/eks/demo/cluster", "/aws/eks/demo/cluster"),
        ("arn:aws:ssm:us-west-2:1:parameter/demo/name", "/demo/name"),
        ("arn:aws:sqs:us-west-2:1:demo-queue", "demo-queue"),
    ],
)
def test_stacks_know_what_has_an_arn_by_a_part_of_it(arn: str, physical_id: str) -> None:
    """Where a service does not pass the stack's own tag on, its resources are known by their ids."""
    assert physical_id in set(ids_in(arn))


@pytest.mark.parametrize(
    ("tags", "is_known"),
    [
        ({"aws:eks:cluster-name": "demo"}, True),
        ({"aws:eks:cluster-name": "other"}, False),
        ({"karpenter.sh/nodepool": "default"}, True),
        ({"kubernetes.io/cluster/demo": "owned"}, True),
        ({"kubernetes.io/cluster/demo": "shared"}, False),
        ({"ebs.csi.aws.com/cluster": "true"}, True),
        ({"Name": "demo"}, False),
        ({}, False),
    ],
)
def test_controllers_are_known_by_the_tags_that_they_set(tags: dict[str, str], is_known: bool) -> None:
    """Each with its reason, and only for this cluster where the tag names one."""
    assert bool(known_reason(tags, "demo")) is is_known
