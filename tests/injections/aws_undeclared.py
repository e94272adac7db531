"""What an administrator makes in AWS that no unit declares, as data, with how it is taken away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resources.cloudformation import ENVIRONMENT_TAG
from resources.config.environment import Environment
from tests.injections.aws_identity import ANYBODY, document
from tests.injections.aws_injection import Client

Place = dict[str, str]  # vpc, subnet and another one, cluster


@dataclass(frozen=True)
class Intruder:
    """Something that is made. `make` returns its physical id; `remove` takes it away again."""

    name: str
    make: Callable[[Client, Environment, Place], str]
    remove: Callable[[Client, Environment, str], object]


def place_of(client: Client, env: Environment) -> Place:
    """Where the environment lives."""
    where = [{"Name": "tag:Name", "Values": [env.vpc_name]}]
    vpc = client("ec2").describe_vpcs(Filters=where)["Vpcs"][0]["VpcId"]
    subnets = client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    zones = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in subnets}
    one, another = sorted(zones.values())[:2]
    return {"vpc": vpc, "one": one, "another": another}


def _balancer(client: Client, env: Environment, place: Place) -> str:
    made = client("elbv2").create_load_balancer(Name="theirs", Subnets=[place["one"], place["another"]])
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def _instance(client: Client, env: Environment, place: Place) -> str:
    made = client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=place["one"])
    return str(made["Instances"][0]["InstanceId"])


def _group(client: Client, env: Environment, place: Place) -> str:
    made = client("ec2").create_security_group(GroupName="theirs", Description="theirs", VpcId=place["vpc"])
    return str(made["GroupId"])


def _interface(client: Client, env: Environment, place: Place) -> str:
    made = client("ec2").create_network_interface(SubnetId=place["one"], Description="theirs")
    return str(made["NetworkInterface"]["NetworkInterfaceId"])


def _subnet(client: Client, env: Environment, place: Place) -> str:
    made = client("ec2").create_subnet(VpcId=place["vpc"], CidrBlock="10.0.252.0/24")
    return str(made["Subnet"]["SubnetId"])


def _table(client: Client, env: Environment, place: Place) -> str:
    return str(client("ec2").create_route_table(VpcId=place["vpc"])["RouteTable"]["RouteTableId"])


def _queue(client: Client, env: Environment, place: Place) -> str:
    client("sqs").create_queue(QueueName="theirs", tags={ENVIRONMENT_TAG: env.name})
    return f"arn:{env.partition}:sqs:{env.region}:{env.account}:theirs"


def _queue_removed(client: Client, env: Environment, arn: str) -> None:
    client("sqs").delete_queue(QueueUrl=client("sqs").get_queue_url(QueueName="theirs")["QueueUrl"])


def _role(client: Client, env: Environment) -> str:
    trust = document(ANYBODY)
    return str(client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=trust)["Role"]["Arn"])


def _entry(client: Client, env: Environment, place: Place) -> str:
    arn = f"arn:{env.partition}:iam::{env.account}:role/theirs"
    client("eks").create_access_entry(clusterName=env.cluster_name, principalArn=_role(client, env))
    return f"{arn}|{env.cluster_name}"


def _entry_removed(client: Client, env: Environment, physical_id: str) -> None:
    client("eks").delete_access_entry(clusterName=env.cluster_name, principalArn=physical_id.partition("|")[0])
    client("iam").delete_role(RoleName="theirs")


def _association(client: Client, env: Environment, place: Place) -> str:
    role = client("iam").list_roles()["Roles"][0]["Arn"]
    made = client("eks").create_pod_identity_association(
        clusterName=env.cluster_name, namespace="default", serviceAccount="theirs", roleArn=role
    )
    return str(made["association"]["associationArn"])


def _association_removed(client: Client, env: Environment, arn: str) -> None:
    number = arn.rpartition("/")[2]
    client("eks").delete_pod_identity_association(clusterName=env.cluster_name, associationId=number)


def _ec2(operation: str, key: str) -> Callable[[Client, Environment, str], Any]:
    return lambda client, env, name: getattr(client("ec2"), operation)(**{key: name})


INTRUDERS = (
    Intruder(
        "load balancer", _balancer, lambda client, env, arn: client("elbv2").delete_load_balancer(LoadBalancerArn=arn)
    ),
    Intruder("instance", _instance, lambda client, env, name: client("ec2").terminate_instances(InstanceIds=[name])),
    Intruder("security group", _group, _ec2("delete_security_group", "GroupId")),
    Intruder("network interface", _interface, _ec2("delete_network_interface", "NetworkInterfaceId")),
    Intruder("subnet", _subnet, _ec2("delete_subnet", "SubnetId")),
    Intruder("route table", _table, _ec2("delete_route_table", "RouteTableId")),
    Intruder("queue with our tag", _queue, _queue_removed),
    Intruder("access entry", _entry, _entry_removed),
    Intruder("pod identity", _association, _association_removed),
)
