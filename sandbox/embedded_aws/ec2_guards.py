"""What EC2 refuses: subnets that do not fit their VPC, and deleting what something else still uses."""

import ipaddress
from collections.abc import Callable, Iterator

from ministack.services import alb, ec2, efs, eks
from ministack.services.cloudformation import provisioners

from .cloudformation.resource_handlers import Create, Created, Delete, Properties, refuse, wrap_create, wrap_delete

Query = dict[str, list[str]]
QueryResponse = tuple[int, dict[str, str], bytes]


def subnet_problem(vpc_id: str, cidr: str) -> tuple[str, str] | None:
    """The error code and message with which EC2 refuses such a subnet, None when it fits."""
    vpc = ec2._vpcs.get(vpc_id)
    if vpc is None:
        return "InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist"
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return "InvalidParameterValue", f"Value ({cidr}) for parameter cidrBlock is invalid."
    if not network.subnet_of(ipaddress.ip_network(vpc["CidrBlock"])):  # type: ignore[arg-type]
        return "InvalidSubnet.Range", f"The CIDR '{cidr}' is invalid."
    for other in ec2._subnets.values():
        if other["VpcId"] == vpc_id and network.overlaps(ipaddress.ip_network(other["CidrBlock"])):
            return "InvalidSubnet.Conflict", f"The CIDR '{cidr}' conflicts with another subnet"
    return None


def subnet_users(subnet_id: str) -> Iterator[str]:
    """What keeps a subnet from being deleted."""
    for gateway in ec2._nat_gateways.values():
        if gateway["SubnetId"] == subnet_id and gateway["State"] != "deleted":
            yield gateway["NatGatewayId"]
    for target in efs._mount_targets.values():
        if target["SubnetId"] == subnet_id:
            yield target["MountTargetId"]
    for instance in ec2._instances.values():
        if instance["SubnetId"] == subnet_id and instance["State"]["Name"] != "terminated":
            yield instance["InstanceId"]
    for interface in ec2._network_interfaces.values():
        if interface["SubnetId"] == subnet_id:
            yield interface["NetworkInterfaceId"]
    yield from (one["LoadBalancerArn"] for one in alb._lbs.values() if subnet_id in one["Subnets"])
    for cluster in eks._clusters.values():
        if subnet_id in cluster["resourcesVpcConfig"]["subnetIds"]:
            yield cluster["arn"]


def security_group_users(group_id: str) -> Iterator[str]:
    """What keeps a security group from being deleted."""
    for other in ec2._security_groups.values():
        rules = [*other.get("IpPermissions", []), *other.get("IpPermissionsEgress", [])]
        if other["GroupId"] != group_id and any(
            pair.get("GroupId") == group_id for rule in rules for pair in rule.get("UserIdGroupPairs", [])
        ):
            yield other["GroupId"]
    for target in efs._mount_targets.values():
        if group_id in target.get("SecurityGroups", []):
            yield target["MountTargetId"]
    for interface in ec2._network_interfaces.values():
        if any(group["GroupId"] == group_id for group in interface.get("Groups", [])):
            yield interface["NetworkInterfaceId"]
    for cluster in eks._clusters.values():
        if group_id in cluster["resourcesVpcConfig"]["securityGroupIds"]:
            yield cluster["arn"]


def internet_gateway_users(gateway_id: str) -> Iterator[str]:
    """The VPCs an internet gateway is attached to."""
    for attachment in (ec2._internet_gateways.get(gateway_id) or {}).get("Attachments", []):
        yield attachment["VpcId"]


def route_table_users(table_id: str) -> Iterator[str]:
    """The subnets that are associated with a route table."""
    for association in (ec2._route_tables.get(table_id) or {}).get("Associations", []):
        if not association.get("Main"):
            yield association.get("SubnetId", "")


Users = Callable[[str], Iterator[str]]
_GUARDS: tuple[tuple[str, str, str, str, Users], ...] = (
    ("AWS::EC2::Subnet", "DeleteSubnet", "SubnetId", "subnet", subnet_users),
    ("AWS::EC2::SecurityGroup", "DeleteSecurityGroup", "GroupId", "resource", security_group_users),
    (
        "AWS::EC2::InternetGateway",
        "DeleteInternetGateway",
        "InternetGatewayId",
        "internetGateway",
        internet_gateway_users,
    ),
    ("AWS::EC2::RouteTable", "DeleteRouteTable", "RouteTableId", "routeTable", route_table_users),
)


def _dependency_message(noun: str, identifier: str) -> str:
    if noun == "resource":
        return f"resource {identifier} has a dependent object"
    return f"The {noun} '{identifier}' has dependencies and cannot be deleted."


def _guard_api(action: str, parameter: str, noun: str, users: Users) -> None:
    original: Callable[[Query], QueryResponse] = ec2._ACTION_MAP[action]

    def guarded(query: Query) -> QueryResponse:
        identifier = str(ec2._p(query, parameter) or "")
        if any(users(identifier)):
            refusal: QueryResponse = ec2._error("DependencyViolation", _dependency_message(noun, identifier), 400)
            return refusal
        return original(query)

    ec2._ACTION_MAP[action] = guarded


def _guard_resource(kind: str, noun: str, users: Users) -> None:
    def guarded(delete: Delete, physical_id: str, props: Properties) -> None:
        user = next(users(physical_id), None)
        if user is not None:
            raise refuse(f"{_dependency_message(noun, physical_id)} (used by {user}; DependencyViolation)", "Ec2")
        delete(physical_id, props)

    wrap_delete(kind, guarded)


def _create_subnet_query(query: Query) -> QueryResponse:
    problem = subnet_problem(str(ec2._p(query, "VpcId") or ""), str(ec2._p(query, "CidrBlock") or ""))
    response: QueryResponse = ec2._error(*problem, 400) if problem else ec2._create_subnet(query)
    return response


def _create_subnet(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    problem = subnet_problem(str(props.get("VpcId", "")), str(props.get("CidrBlock", "")))
    if problem:
        raise refuse(f"{problem[1]} ({problem[0]})", "Ec2")
    subnet_id, attributes = create(logical_id, props, stack)
    return subnet_id, {**attributes, **_subnet_attributes(subnet_id)}


def _subnet_attributes(subnet_id: str) -> dict[str, object]:
    subnet = ec2._subnets[subnet_id]
    return {
        "CidrBlock": subnet["CidrBlock"],
        "VpcId": subnet["VpcId"],
        "Ipv6CidrBlocks": [],
        "AvailabilityZoneId": subnet["AvailabilityZoneId"],
    }


def _create_vpc(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    vpc_id, attributes = create(logical_id, props, stack)
    return vpc_id, {**attributes, **_vpc_attributes(vpc_id)}


def _vpc_attributes(vpc_id: str) -> dict[str, object]:
    return {"CidrBlock": ec2._vpcs[vpc_id]["CidrBlock"], "CidrBlockAssociations": [], "Ipv6CidrBlocks": []}


def _wrap_update(kind: str, extra: Callable[[str], dict[str, object]]) -> None:
    handlers = provisioners._RESOURCE_HANDLERS[kind]
    original = handlers["update"]

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        updated_id, attributes = original(physical_id, old, new, stack, logical_id)
        return updated_id, {**attributes, **extra(updated_id)}

    handlers["update"] = update
    handlers["update_with_logical_id"] = True


def install() -> None:
    """Put the guards in front of the EC2 API and of the CloudFormation types."""
    for kind, action, parameter, noun, users in _GUARDS:
        _guard_api(action, parameter, noun, users)
        _guard_resource(kind, noun, users)
    ec2._ACTION_MAP["CreateSubnet"] = _create_subnet_query
    wrap_create("AWS::EC2::Subnet", _create_subnet)
    wrap_create("AWS::EC2::VPC", _create_vpc)
    _wrap_update("AWS::EC2::VPC", _vpc_attributes)
    _wrap_update("AWS::EC2::Subnet", _subnet_attributes)
