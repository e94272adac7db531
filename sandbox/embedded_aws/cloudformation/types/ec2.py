"""CloudFormation types of EC2 that MiniStack lacks: Elastic IP, NAT gateway, flow log, security group rules."""

import uuid
from collections.abc import Callable

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from ..resource_handlers import Created, Properties, refuse, register


def _identifier(prefix: str) -> str:
    return f"{prefix}-0{uuid.uuid4().hex[:16]}"


def _retag(physical_id: str, old: Properties, new: Properties) -> None:
    provisioners._ec2_apply_tags(physical_id, new, old)


# --- AWS::EC2::EIP


def _create_address(_logical_id: str, props: Properties, _stack: str) -> Created:
    known = set(ec2._addresses)
    ec2._allocate_address({"Domain": ["vpc"]})
    (allocation_id,) = set(ec2._addresses) - known
    address = ec2._addresses[allocation_id]
    _retag(allocation_id, {}, props)
    return address["PublicIp"], {"AllocationId": allocation_id, "PublicIp": address["PublicIp"]}


def _allocation_of(public_ip: str) -> str:
    for allocation_id, address in ec2._addresses.items():
        if address["PublicIp"] == public_ip:
            return str(allocation_id)
    raise refuse(f"Address '{public_ip}' not found.", "Ec2")


def _update_address(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    allocation_id = _allocation_of(physical_id)
    _retag(allocation_id, old, new)
    return physical_id, {"AllocationId": allocation_id, "PublicIp": physical_id}


def _delete_address(physical_id: str, _props: Properties) -> None:
    for allocation_id in [key for key, address in ec2._addresses.items() if address["PublicIp"] == physical_id]:
        users = [
            nat["NatGatewayId"]
            for nat in ec2._nat_gateways.values()
            if nat["AllocationId"] == allocation_id and nat["State"] != "deleted"
        ]
        if users:
            raise refuse(f"Address {allocation_id} is in use by {users[0]}.", "Ec2")
        ec2._addresses.pop(allocation_id)
        ec2._tags.pop(allocation_id, None)


# --- AWS::EC2::NatGateway


def _create_nat_gateway(_logical_id: str, props: Properties, _stack: str) -> Created:
    subnet_id, allocation_id = props.get("SubnetId", ""), props.get("AllocationId")
    if subnet_id not in ec2._subnets:
        raise refuse(f"The subnet ID '{subnet_id}' does not exist", "Ec2")
    if props.get("ConnectivityType", "public") == "public" and allocation_id not in ec2._addresses:
        raise refuse(f"Elastic IP address {allocation_id} could not be associated with this NAT gateway", "Ec2")
    known = set(ec2._nat_gateways)
    query = {key: [str(props[key])] for key in ("SubnetId", "AllocationId", "ConnectivityType") if props.get(key)}
    ec2._create_nat_gateway(query)
    (nat_id,) = set(ec2._nat_gateways) - known
    if allocation_id:
        ec2._addresses[allocation_id]["AssociationId"] = _identifier("eipassoc")
    _retag(nat_id, {}, props)
    return nat_id, {"NatGatewayId": nat_id}


def _update_nat_gateway(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    _retag(physical_id, old, new)
    return physical_id, {"NatGatewayId": physical_id}


def _delete_nat_gateway(physical_id: str, _props: Properties) -> None:
    gateway = ec2._nat_gateways.get(physical_id)
    if gateway is None:
        return
    gateway["State"] = "deleted"
    address = ec2._addresses.get(gateway["AllocationId"])
    if address:
        address["AssociationId"] = None


# --- AWS::EC2::FlowLog


def _create_flow_log(_logical_id: str, props: Properties, _stack: str) -> Created:
    resource = str(props.get("ResourceId", ""))
    store = {"VPC": ec2._vpcs, "Subnet": ec2._subnets}.get(str(props.get("ResourceType")))
    if store is not None and resource not in store:
        raise refuse(f"The {props['ResourceType']} '{resource}' does not exist", "Ec2")
    known = set(ec2._flow_logs)
    query = {
        key: [str(props[key])]
        for key in ("ResourceType", "TrafficType", "LogDestinationType", "LogDestination", "LogGroupName")
        if props.get(key)
    }
    ec2._create_flow_logs({**query, "ResourceId.1": [resource]})
    (flow_log_id,) = set(ec2._flow_logs) - known
    _retag(flow_log_id, {}, props)
    return flow_log_id, {"Id": flow_log_id}


def _update_flow_log(physical_id: str, old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    _retag(physical_id, old, new)
    return physical_id, {"Id": physical_id}


def _delete_flow_log(physical_id: str, _props: Properties) -> None:
    ec2._flow_logs.pop(physical_id, None)
    ec2._tags.pop(physical_id, None)


# --- AWS::EC2::SecurityGroupIngress and Egress


def _rule_handlers(direction: str) -> tuple[Callable[..., Created], Callable[..., Created], Callable[..., None]]:
    def rules_of(group_id: str) -> list[dict[str, object]] | None:
        group = ec2._security_groups.get(group_id)
        return None if group is None else group.setdefault(direction, [])

    def create(_logical_id: str, props: Properties, _stack: str) -> Created:
        rules = rules_of(props.get("GroupId", ""))
        if rules is None:
            raise refuse(f"The security group '{props.get('GroupId')}' does not exist", "Ec2")
        (rule,) = provisioners._ec2_sg_permissions([props])
        if rule in rules:
            raise refuse("the specified rule already exists", "Ec2")
        rules.append(rule)
        rule_id = _identifier("sgr")
        return rule_id, {"Id": rule_id}

    def delete(_physical_id: str, props: Properties) -> None:
        rules = rules_of(props.get("GroupId", "")) or []
        (rule,) = provisioners._ec2_sg_permissions([props])
        if rule in rules:
            rules.remove(rule)

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        delete(physical_id, old)
        create(logical_id, new, stack)
        return physical_id, {"Id": physical_id}

    return create, update, delete


def install() -> None:
    """Register the types."""
    register("AWS::EC2::EIP", _create_address, _update_address, _delete_address)
    register("AWS::EC2::NatGateway", _create_nat_gateway, _update_nat_gateway, _delete_nat_gateway)
    register("AWS::EC2::FlowLog", _create_flow_log, _update_flow_log, _delete_flow_log)
    register("AWS::EC2::SecurityGroupIngress", *_rule_handlers("IpPermissions"), tags=None)
    register("AWS::EC2::SecurityGroupEgress", *_rule_handlers("IpPermissionsEgress"), tags=None)
