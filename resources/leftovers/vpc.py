"""What keeps a VPC from being deleted: load balancers, network interfaces and security groups that its stack did not
make.

Those that the cluster's controllers leave behind are removed; each other one is named with its owner. Source: EC2 API
reference, DeleteVpc, DeleteNetworkInterface, DeleteSecurityGroup; EKS user guide, "Amazon VPC CNI"; AWS Load Balancer
Controller, "Security groups".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.leftovers.tags import is_of_cluster, tag_map
from resources.model.errors import NotFound, OperationFailed
from resources.support.polling import Poll, wait_until

_LEFT_BY = ("aws-K8S-", "ELB ")  # the VPC CNI plugin, load balancers
_STACK_TAG = "aws:cloudformation:stack-name"
_DEADLINE = 300.0  # seconds until services have let go of their interfaces


def clear_vpc(vpc: str, own: Collection[str], context: Context) -> None:
    """Remove what the cluster's controllers left in the VPC, and wait for what AWS's services let go of by themselves.
    `own`: the physical ids of the stack that has the VPC.

    Raises OperationFailed, before anything of the stack is deleted, with every load balancer, interface and group of
    somebody else, WaitTimeout, AccessDenied, Transient."""
    _remove_leftovers(vpc, context)
    balancers = _name_balancers(vpc, context)
    # A load balancer keeps its interfaces as long as it is there.
    interfaces = _name_interfaces(vpc, own, context, wait=not balancers)
    blockers = [*balancers, *interfaces, *_name_groups(vpc, own, context)]
    if blockers:
        raise OperationFailed(
            f"VPC {vpc} cannot be deleted, since others use it: {'; '.join(blockers)}",
            next_step=f"have their owners remove them, then run it again: eks-assets destroy {context.env.name}",
        )


def _remove_leftovers(vpc: str, context: Context) -> None:
    """Until EC2 lists none: what is deleted is there for some seconds more, and holds what it used."""

    def poll() -> Poll[bool]:
        remove_interfaces(vpc, context)
        remove_groups(vpc, context)
        left = [
            *(one["NetworkInterfaceId"] for one in _free_interfaces(vpc, context)),
            *sorted(_free_groups(vpc, context)),
        ]
        return Poll(None if left else True, f"waiting for EC2 to let go of {', '.join(left)}")

    wait_until(poll, what=f"VPC {vpc}", deadline=_DEADLINE, interval=5, progress=context.progress)


def list_interfaces(vpc: str, context: Context) -> list[dict[str, Any]]:
    """The network interfaces in the VPC."""
    return _describe("network_interfaces", "NetworkInterfaces", vpc, context)


def list_groups(vpc: str, context: Context) -> list[dict[str, Any]]:
    """The security groups in the VPC, but for its default one, which goes with it."""
    groups = _describe("security_groups", "SecurityGroups", vpc, context)
    return [group for group in groups if group["GroupName"] != "default"]


def _describe(noun: str, key: str, vpc: str, context: Context) -> list[dict[str, Any]]:
    client: Any = context.aws.client("ec2")
    where = [{"Name": "vpc-id", "Values": [vpc]}]
    with aws_call(f"listing the {noun.replace('_', ' ')} of VPC {vpc}"):
        return [one for page in client.get_paginator(f"describe_{noun}").paginate(Filters=where) for one in page[key]]


def remove_interfaces(vpc: str, context: Context) -> None:
    """Delete the interfaces that nothing uses any more and that the VPC CNI plugin or a load balancer has made."""
    for interface in _free_interfaces(vpc, context):
        remove_interface(interface["NetworkInterfaceId"], interface["Description"], context)


def _free_interfaces(vpc: str, context: Context) -> list[dict[str, Any]]:
    return [
        one
        for one in list_interfaces(vpc, context)
        if one["Status"] == "available" and one.get("Description", "").startswith(_LEFT_BY)
    ]


def remove_interface(identifier: str, description: str, context: Context) -> None:
    """Delete an interface that nothing uses. Harmless where it is gone."""
    context.progress(f"network interface {identifier} ({description}): deleting it, nothing uses it")
    context.before_change()
    with suppress(NotFound), aws_call(f"deleting the network interface {identifier}"):
        context.aws.client("ec2").delete_network_interface(NetworkInterfaceId=identifier)


def remove_groups(vpc: str, context: Context) -> None:
    """Delete the groups that EKS and the cluster's controllers made, once no rule of any group names them and as far as
    no interface uses them."""
    free = _free_groups(vpc, context)
    if not free:
        return
    revoke_references(_describe("security_groups", "SecurityGroups", vpc, context), free, context)
    for identifier in sorted(free):
        context.progress(f"security group {identifier}: deleting it, its controller is gone")
        context.before_change()
        with suppress(NotFound), aws_call(f"deleting the security group {identifier}"):
            context.aws.client("ec2").delete_security_group(GroupId=identifier)


def _free_groups(vpc: str, context: Context) -> set[str]:
    """The groups that the cluster's controllers left and no interface uses."""
    groups = list_groups(vpc, context)
    left = {group["GroupId"] for group in groups if is_left_group(group, context.env.cluster_name)}
    if not left:
        return left
    return left - {group["GroupId"] for one in list_interfaces(vpc, context) for group in one.get("Groups", ())}


def is_left_group(group: Mapping[str, Any], cluster: str) -> bool:
    """Whether EKS or a controller of the cluster made the group, and no stack has it."""
    tags = tag_map(group)
    return _STACK_TAG not in tags and is_of_cluster(tags, cluster)


def revoke_references(groups: Iterable[Mapping[str, Any]], to: Collection[str], context: Context) -> None:
    """Take back every rule of the groups that names one of `to`: groups that name each other cannot be deleted."""
    client: Any = context.aws.client("ec2")
    for group in groups:
        identifier = group["GroupId"]
        for key, revoke in (
            ("IpPermissions", client.revoke_security_group_ingress),
            ("IpPermissionsEgress", client.revoke_security_group_egress),
        ):
            permissions = [_naming(permission, to) for permission in group.get(key, ())]
            if rules := [permission for permission in permissions if permission["UserIdGroupPairs"]]:
                context.progress(f"security group {identifier}: revoking the rules that name {', '.join(sorted(to))}")
                context.before_change()
                with suppress(NotFound), aws_call(f"revoking rules of the security group {identifier}"):
                    revoke(GroupId=identifier, IpPermissions=rules)


def _naming(permission: Mapping[str, Any], to: Collection[str]) -> dict[str, Any]:
    """The permission for the groups `to` alone."""
    ports = {key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in permission}
    pairs = [{"GroupId": pair["GroupId"]} for pair in permission.get("UserIdGroupPairs", ()) if pair["GroupId"] in to]
    return {**ports, "UserIdGroupPairs": pairs}


def _name_balancers(vpc: str, context: Context) -> list[str]:
    """The load balancers in the VPC, in words: those of the cluster are gone by now."""
    with aws_call(f"listing the load balancers of VPC {vpc}"):
        pages = context.aws.client("elbv2").get_paginator("describe_load_balancers").paginate()
        listed = [one for page in pages for one in page["LoadBalancers"] if one.get("VpcId") == vpc]
    return [f"load balancer {one['LoadBalancerName']} ({one['LoadBalancerArn']})" for one in listed]


def _name_interfaces(vpc: str, own: Collection[str], context: Context, *, wait: bool) -> list[str]:
    """The interfaces of others, in words; with `wait`, those that a service of AWS keeps are waited for first."""

    def foreign() -> list[dict[str, Any]]:
        listed = list_interfaces(vpc, context)
        return [one for one in listed if not any(identifier in one.get("Description", "") for identifier in own)]

    def poll() -> Poll[bool]:
        remove_interfaces(vpc, context)  # a load balancer's are let go of before they are deleted
        kept = [one for one in foreign() if one.get("RequesterManaged")]
        return Poll(None if kept else True, "waiting for " + "; ".join(map(describe_interface, kept)))

    if wait and all(one.get("RequesterManaged") for one in foreign()):
        what = f"VPC {vpc}"
        wait_until(poll, what=what, deadline=_DEADLINE, interval=10, progress=context.progress)
    return [describe_interface(one) for one in foreign()]


def describe_interface(interface: Mapping[str, Any]) -> str:
    """An interface with whoever may know what it is for."""
    attachment = interface.get("Attachment") or {}
    at = attachment.get("InstanceId") or (attachment.get("AttachmentId") and attachment.get("InstanceOwnerId"))
    parts = [
        f'"{interface["Description"]}"' if interface.get("Description") else "no description",
        f"attached to {at}" if at else f"{interface['Status']}, attached to nothing",
        f"requested by {interface['RequesterId']}" if interface.get("RequesterId") else "",
        f"owner {interface.get('OwnerId', 'unknown')}",
    ]
    return f"network interface {interface['NetworkInterfaceId']} ({', '.join(part for part in parts if part)})"


def _name_groups(vpc: str, own: Collection[str], context: Context) -> Iterator[str]:
    for group in list_groups(vpc, context):
        if group["GroupId"] not in own:
            yield describe_group(group)


def describe_group(group: Mapping[str, Any]) -> str:
    """A group with whoever may know what it is for."""
    stack = tag_map(group).get(_STACK_TAG)
    owner = f"of stack {stack}" if stack else f"owner {group.get('OwnerId', 'unknown')}"
    return f'security group {group["GroupId"]} ({group["GroupName"]}, "{group.get("Description", "")}", {owner})'
