"""Resources of AWS that nobody declared: with the environment's tag, or in its VPC or cluster, and of no stack of ours.

Source: Resource Groups Tagging API, GetResources; EC2 and Elastic Load Balancing API references.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from resources.aws.errors import aws_call
from resources.cloudformation import ENVIRONMENT_TAG
from resources.context import Context
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, AwsResource, Drift, Finding, Unchecked
from resources.model.errors import AccessDenied, NotFound
from resources.model.specs import Parameter, Spec, Stack
from resources.undeclared.eks import OF_CLUSTER, Part
from resources.undeclared.known_resources import known_reason, tags_of

LAYER = "aws"
Reader: TypeAlias = "Callable[[Declared, Context], Iterator[Resource]]"
_VPC = "AWS::EC2::VPC"
# AWS writes these tags on what a stack makes, and lets nobody else write them.
_STACK_TAG = "aws:cloudformation:stack-name"
# These get their tags from what launches them; they are listed on their own.
_OF_INSTANCES = re.compile(r":ec2:[^:]*:[^:]*:(?:instance|volume|network-interface)/")


@dataclass(frozen=True)
class Resource:
    """Something that exists. `ids`: by any of which a stack may know it."""

    kind: str
    physical_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declared:
    """What the environment's stacks and parameters have. `vpc`: its own VPC, where it has one; `made_vpc`: whether a
    stack has made it: what makes up another one, its subnets and routes, belongs to who made that."""

    stacks: frozenset[str]
    ids: frozenset[str]
    vpc: str | None
    made_vpc: bool


def undeclared_resources(specs: Collection[Spec[Any]], context: Context) -> Drift:
    """The resources that belong to none of these specs, which are all of the environment's. What may not be listed is
    unchecked. Raises Transient."""
    declared = _declared(specs, context)
    resources, unchecked = list_resources(declared, context)
    return Drift(tuple(_finding(one) for one in resources if is_undeclared(one, declared, context)), tuple(unchecked))


def list_surroundings(specs: Collection[Spec[Any]], context: Context) -> list[str]:
    """The ids of what has the environment's tag or lies in its VPC, whoever made it, as far as it may be listed. Raises
    Transient."""
    return [one.physical_id for one in list_resources(_declared(specs, context), context)[0]]


def list_existing(context: Context) -> tuple[list[Resource], list[Unchecked]]:
    """What has the environment's tag, or is or lies in its VPC or cluster, and what may not be listed, whoever made it.
    Raises Transient."""
    declared = _declared((), context)
    if declared.vpc is None:
        return list_resources(declared, context)
    made = declared.made_vpc or context.env.network.create is not None
    resources, unchecked = list_resources(replace(declared, made_vpc=made), context)
    return [*resources, *([Resource(_VPC, declared.vpc)] if made else [])], unchecked


def list_resources(declared: Declared, context: Context) -> tuple[list[Resource], list[Unchecked]]:
    """What exists where something undeclared could be, and what may not be listed."""
    resources: dict[str, Resource] = {}
    unchecked: list[Unchecked] = []
    lists = {**_TAGGED, **_IN_CLUSTER, **(_IN_VPC if declared.vpc else {}), **(_OF_VPC if declared.made_vpc else {})}
    for what, read in lists.items():
        try:
            with aws_call(f"listing {what}"):
                resources |= {one.physical_id: one for one in read(declared, context)}
        except NotFound:  # there is no cluster
            continue
        except AccessDenied as error:
            unchecked.append(Unchecked(f"undeclared {what}", error.message))
    return list(resources.values()), unchecked


def is_undeclared(resource: Resource, declared: Declared, context: Context) -> bool:
    """Whether no stack of ours has it, and nobody is known to make it by itself."""
    if resource.tags.get(_STACK_TAG) in declared.stacks:
        return False
    if declared.ids.intersection((resource.physical_id, *resource.ids)):
        return False
    return not known_reason(resource.tags, context.env.cluster_name)


def _finding(resource: Resource) -> Finding:
    name = resource.tags.get("Name", "")
    title = f"{resource.kind} {resource.physical_id}" + (f" ({name})" if name else "")
    of = AwsResource(resource.kind, resource.physical_id)
    return Finding(LAYER, title, FieldChange("", None, EXISTS), "undeclared", resource=of)


def _declared(specs: Collection[Spec[Any]], context: Context) -> Declared:
    stacks = {spec.name for spec in specs if isinstance(spec, Stack)} | {context.env.stack_name("bootstrap")}
    ids = {spec.name for spec in specs if isinstance(spec, Parameter)}
    vpc: str | None = None
    for stack in sorted(stacks):
        try:
            with aws_call(f"listing the resources of stack {stack}"):
                pages = context.aws.client("cloudformation").get_paginator("list_stack_resources")
                listed: list[Any] = [
                    one for page in pages.paginate(StackName=stack) for one in page["StackResourceSummaries"]
                ]
        except (NotFound, AccessDenied):
            continue  # what it has carries its name in a tag, too
        physical = {str(one["PhysicalResourceId"]) for one in listed if one.get("PhysicalResourceId")}
        ids |= physical | {one.rpartition("/")[2] for one in physical if one.startswith("http")}  # addresses of queues
        vpc = next((one["PhysicalResourceId"] for one in listed if one["ResourceType"] == _VPC), vpc)
    return Declared(frozenset(stacks), frozenset(ids), vpc or _vpc_of_that_name(context), bool(vpc))


def _vpc_of_that_name(context: Context) -> str | None:
    """A VPC that was made for the environment without a stack. One that the file finds by other tags is not its own:
    others live in it."""
    if context.env.network.lookup and context.env.network.lookup.tags:
        return None
    names: Any = [{"Name": "tag:Name", "Values": [context.env.vpc_name]}]
    with aws_call("looking for the environment's VPC"):
        vpcs = context.aws.client("ec2").describe_vpcs(Filters=names)["Vpcs"]
    return vpcs[0]["VpcId"] if len(vpcs) == 1 else None


def _tagged(_: Declared, context: Context) -> Iterator[Resource]:
    """What carries the environment's tag, but for instances and what may belong to one."""
    filters: Any = [{"Key": ENVIRONMENT_TAG, "Values": [context.env.name]}]
    client: Any = context.aws.client  # of the tagging API it knows no types
    for page in client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters):
        for one in page["ResourceTagMappingList"]:
            if not _OF_INSTANCES.search(one["ResourceARN"]):
                service = one["ResourceARN"].split(":")[2]
                yield Resource(service, one["ResourceARN"], tags_of(one), tuple(ids_in(one["ResourceARN"])))


def ids_in(arn: str) -> Iterator[str]:
    """The physical ids by which a stack may know what has this ARN: the ARN itself, or what of it is the id."""
    _, partition, service, _, account, name = arn.split(":", 5)
    yield name
    yield name.rpartition("/")[2]
    kind, _, rest = name.partition("/")
    yield from (rest, f"/{rest}", name.partition(":")[2])  # of most, of parameters, of log groups
    if service == "eks":
        cluster, _, own = rest.partition("/")
        inner = own.rpartition("/")[0]  # behind it stands a UUID
        yield from (f"{cluster}/{inner}", f"{cluster}|{inner}")
        if kind == "access-entry":
            principal, _, role = inner.partition("/")
            yield f"arn:{partition}:iam::{account}:{principal}/{role.partition('/')[2]}|{cluster}"


def _volumes(_: Declared, context: Context) -> Iterator[Resource]:
    where: Any = [
        {"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [context.env.name]},
        {"Name": "status", "Values": ["available"]},
    ]
    for page in context.aws.client("ec2").get_paginator("describe_volumes").paginate(Filters=where):
        for one in page["Volumes"]:
            yield Resource("AWS::EC2::Volume", one["VolumeId"], tags_of(one))


def _balancers(declared: Declared, context: Context) -> Iterator[Resource]:
    client = context.aws.client("elbv2")
    pages = client.get_paginator("describe_load_balancers").paginate()
    arns = [b["LoadBalancerArn"] for page in pages for b in page["LoadBalancers"] if b.get("VpcId") == declared.vpc]
    for start in range(0, len(arns), 20):  # as many as one call takes
        for one in client.describe_tags(ResourceArns=arns[start : start + 20])["TagDescriptions"]:
            yield Resource("AWS::ElasticLoadBalancingV2::LoadBalancer", one["ResourceArn"], tags_of(one))


def _of_vpc(operation: str, key: str, kind: str, id_key: str) -> Reader:
    """A reader of one list of EC2."""

    def read(declared: Declared, context: Context) -> Iterator[Resource]:
        where = [{"Name": "vpc-id", "Values": [declared.vpc]}]
        client: Any = context.aws.client("ec2")
        for page in client.get_paginator(operation).paginate(Filters=where):
            for one in page[key]:
                if not _is_of_another(one):
                    yield Resource(kind, one[id_key], tags_of(one))

    return read


def _instances(declared: Declared, context: Context) -> Iterator[Resource]:
    where: Any = [{"Name": "vpc-id", "Values": [declared.vpc]}]
    for page in context.aws.client("ec2").get_paginator("describe_instances").paginate(Filters=where):
        for one in (instance for reservation in page["Reservations"] for instance in reservation["Instances"]):
            if one["State"]["Name"] not in ("terminated", "shutting-down"):
                yield Resource("AWS::EC2::Instance", one["InstanceId"], tags_of(one))


def _is_of_another(one: Mapping[str, Any]) -> bool:
    """Whether it comes and goes with something else: an interface of an instance or a service, what every VPC has."""
    is_main = any(association.get("Main") for association in one.get("Associations") or ())
    is_gone = one.get("State") in ("deleted", "deleting")
    return bool(
        one.get("RequesterManaged")
        or (one.get("Attachment") or {}).get("InstanceId")
        or one.get("InterfaceType", "interface") != "interface"
        or str(one.get("Description") or "").startswith("ELB ")  # of a load balancer, which is listed itself
        or one.get("GroupName") == "default"
        or is_main
        or is_gone
    )


def _of_cluster(read: Callable[[frozenset[str], Context], Iterator[Part]]) -> Reader:
    def list_parts(declared: Declared, context: Context) -> Iterator[Resource]:
        for kind, physical_id, ids in read(declared.ids, context):
            yield Resource(kind, physical_id, ids=ids)

    return list_parts


_IN_CLUSTER: Mapping[str, Reader] = {what: _of_cluster(read) for what, read in OF_CLUSTER.items()}
_TAGGED: Mapping[str, Reader] = {"resources with the environment's tag": _tagged, "volumes": _volumes}
_IN_VPC: Mapping[str, Reader] = {"load balancers": _balancers, "instances": _instances}
_OF_VPC: Mapping[str, Reader] = {
    "network interfaces": _of_vpc(
        "describe_network_interfaces", "NetworkInterfaces", "AWS::EC2::NetworkInterface", "NetworkInterfaceId"
    ),
    "security groups": _of_vpc("describe_security_groups", "SecurityGroups", "AWS::EC2::SecurityGroup", "GroupId"),
    "NAT gateways": _of_vpc("describe_nat_gateways", "NatGateways", "AWS::EC2::NatGateway", "NatGatewayId"),
    "VPC endpoints": _of_vpc("describe_vpc_endpoints", "VpcEndpoints", "AWS::EC2::VPCEndpoint", "VpcEndpointId"),
    "subnets": _of_vpc("describe_subnets", "Subnets", "AWS::EC2::Subnet", "SubnetId"),
    "route tables": _of_vpc("describe_route_tables", "RouteTables", "AWS::EC2::RouteTable", "RouteTableId"),
}
