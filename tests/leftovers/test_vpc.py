"""What keeps a VPC: leftovers of the cluster's controllers go, everything of others is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from resources.config.environment import Environment
from resources.drivers.stack.driver import StackDriver
from resources.model.errors import OperationFailed
from resources.model.specs import Stack
from tests.drivers.stack.embedded_stacks import STACK, Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import ref, resource

NETWORK = {
    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
    "A": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.0.0.0/24", AvailabilityZone="us-west-2a"),
    "Group": resource("EC2::SecurityGroup", GroupDescription="ours", VpcId=ref("Vpc")),
}


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


@pytest.fixture
def spec(stacks: Stacks) -> Stack[Any]:
    spec = stacks.spec(NETWORK)
    stacks.deploy(spec)
    return spec


@pytest.fixture
def ids(stacks: Stacks, spec: Stack[Any]) -> dict[str, str]:
    parts = stacks.cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in parts}


@pytest.fixture
def ec2(stacks: Stacks) -> Any:
    client: Any = stacks.context.aws.client("ec2")
    return client


def make_group(ec2: Any, vpc: str, name: str, **tags: str) -> str:
    identifier = str(ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])
    if tags:
        ec2.create_tags(Resources=[identifier], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    return identifier


def let_in(ec2: Any, group: str, other: str) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": other}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def test_leftovers_of_controllers_do_not_keep_a_vpc(
    stacks: Stacks, spec: Stack[Any], ids: dict[str, str], ec2: Any
) -> None:
    """Free interfaces of the CNI plugin and of load balancers; groups that name each other, and ours."""
    cluster = stacks.env.cluster_name
    one = make_group(ec2, ids["Vpc"], "k8s-traffic-demo", **{"elbv2.k8s.aws/cluster": cluster})
    two = make_group(ec2, ids["Vpc"], "eks-cluster-sg-demo", **{"aws:eks:cluster-name": cluster})
    three = make_group(ec2, ids["Vpc"], "k8s-elb-demo", **{f"kubernetes.io/cluster/{cluster}": "owned"})
    for group, other in ((one, two), (two, one), (three, three), (ids["Group"], three), (two, ids["Group"])):
        let_in(ec2, group, other)
    for description in ("aws-K8S-i-0123456789", "ELB app/k8s-demo/0123"):
        ec2.create_network_interface(SubnetId=ids["A"], Description=description, Groups=[one])
    StackDriver().destroy(spec, stacks.context, delete_data=False)
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["VpcId"] == ids["Vpc"]] == []
    left = {group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    assert left.isdisjoint({one, two, three, ids["Group"]})


def test_leftovers_that_ec2_lists_after_their_deletion_are_waited_for(
    stacks: Stacks, spec: Stack[Any], ids: dict[str, str], ec2: Any
) -> None:
    """An interface holds its group for some seconds after both are no more: neither is somebody else's."""
    group = make_group(ec2, ids["Vpc"], "k8s-late", **{"elbv2.k8s.aws/cluster": stacks.env.cluster_name})
    ec2.create_network_interface(SubnetId=ids["A"], Description="aws-K8S-i-0123456789", Groups=[group])
    with stacks.slow(deletion_seconds=2):
        StackDriver().destroy(spec, stacks.context, delete_data=False)
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["VpcId"] == ids["Vpc"]] == []
    assert stacks.cloudformation.describe_stacks()["Stacks"] == []


def test_what_others_have_in_a_vpc_is_named_before_anything_goes(
    stacks: Stacks, spec: Stack[Any], ids: dict[str, str], ec2: Any
) -> None:
    """An interface with its description and attachment, a group; the stack is whole, and goes once they are gone."""
    theirs = make_group(ec2, ids["Vpc"], "theirs")
    other = make_group(ec2, ids["Vpc"], "other-cluster", **{"elbv2.k8s.aws/cluster": "other"})
    interface = ec2.create_network_interface(SubnetId=ids["A"], Description="appliance", Groups=[theirs])
    identifier = interface["NetworkInterface"]["NetworkInterfaceId"]
    attached = ec2.attach_network_interface(NetworkInterfaceId=identifier, InstanceId="i-0123", DeviceIndex=1)
    with pytest.raises(OperationFailed) as caught:
        StackDriver().destroy(spec, stacks.context, delete_data=False)
    message = caught.value.message
    assert f'{identifier} ("appliance", attached to i-0123' in message
    assert f'{theirs} (theirs, "theirs"' in message
    assert f"{other} (other-cluster" in message
    assert "eks-assets destroy sandbox" in caught.value.next_step
    (stack,) = stacks.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    ec2.detach_network_interface(AttachmentId=attached["AttachmentId"])
    ec2.delete_network_interface(NetworkInterfaceId=identifier)
    for group in (theirs, other):
        ec2.delete_security_group(GroupId=group)
    StackDriver().destroy(spec, stacks.context, delete_data=False)
    assert stacks.cloudformation.describe_stacks()["Stacks"] == []


def test_load_balancer_of_somebody_is_named_at_once(
    stacks: Stacks, spec: Stack[Any], ids: dict[str, str], ec2: Any
) -> None:
    """Made by hand, without the cluster's tags: nobody removes it for them, and EC2 does not delete its subnets."""
    elb: Any = stacks.context.aws.client("elbv2")
    made = elb.create_load_balancer(Name="by-hand", Type="network", Subnets=[ids["A"]])["LoadBalancers"][0]
    with pytest.raises(OperationFailed) as caught:
        StackDriver().destroy(spec, stacks.context, delete_data=False)
    assert f"load balancer by-hand ({made['LoadBalancerArn']})" in caught.value.message
    assert "have their owners remove them" in caught.value.next_step
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=ids["A"])
    elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    StackDriver().destroy(spec, stacks.context, delete_data=False)
    assert stacks.cloudformation.describe_stacks()["Stacks"] == []
