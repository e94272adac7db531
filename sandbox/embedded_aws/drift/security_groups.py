"""Drift reader of AWS::EC2::SecurityGroup: its inline rules, apart from those of standalone rule resources."""

from typing import Any

from ministack.services import cloudformation, ec2
from ministack.services.cloudformation import provisioners

from ..cloudformation.resource_handlers import Properties

Rule = dict[str, Any]
_DIRECTIONS = {
    "IpPermissions": ("AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId", "SourcePrefixListId"),
    "IpPermissionsEgress": ("AWS::EC2::SecurityGroupEgress", "DestinationSecurityGroupId", "DestinationPrefixListId"),
}
_EVERYTHING_OUT = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}


def read_security_group(physical_id: str, props: Properties) -> Properties | None:
    """The group's description, VPC, inline rules and tags; None when it is gone."""
    group = ec2._security_groups.get(physical_id)
    if group is None:
        return None
    egress = _rules(group, "IpPermissionsEgress")
    if props.get("SecurityGroupEgress") and _EVERYTHING_OUT not in props["SecurityGroupEgress"]:
        egress = [rule for rule in egress if rule != _EVERYTHING_OUT]
    return {
        "GroupDescription": group["Description"],
        "VpcId": group["VpcId"],
        "SecurityGroupIngress": _in_words_of(props.get("SecurityGroupIngress"), _rules(group, "IpPermissions")),
        "SecurityGroupEgress": _in_words_of(props.get("SecurityGroupEgress"), egress),
        "Tags": list(ec2._tags.get(physical_id) or []),
    }


def _rules(group: dict[str, Any], direction: str) -> list[Rule]:
    standalone = [
        rule
        for permission in _standalone_permissions(group["GroupId"], direction)
        for rule in _flatten(permission, direction)
    ]
    return [
        rule
        for permission in group.get(direction, [])
        for rule in _flatten(permission, direction)
        if rule not in standalone
    ]


def _standalone_permissions(group_id: str, direction: str) -> list[Rule]:
    kind = _DIRECTIONS[direction][0]
    return [
        permission
        for stack in cloudformation._stacks.values()
        if stack["StackStatus"] != "DELETE_COMPLETE"
        for record in stack.get("_resources", {}).values()
        if record.get("ResourceType") == kind and record["Properties"].get("GroupId") == group_id
        for permission in provisioners._ec2_sg_permissions([record["Properties"]])
    ]


def _flatten(permission: Rule, direction: str) -> list[Rule]:
    """The template rules of an EC2 permission, one per source or destination."""
    _kind, group_member, prefix_member = _DIRECTIONS[direction]
    base = {key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if permission.get(key) is not None}
    sources = (
        ("IpRanges", "CidrIp", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
        ("UserIdGroupPairs", "GroupId", group_member),
        ("PrefixListIds", "PrefixListId", prefix_member),
    )
    rules = []
    for member, key, name in sources:
        for source in permission.get(member) or []:
            described = {"Description": source["Description"]} if source.get("Description") else {}
            rules.append({**base, name: source.get(key), **described})
    return rules


def _in_words_of(expected: list[Rule] | None, rules: list[Rule]) -> list[Rule]:
    """The rules, each that means the same as an expected one written as that one is."""
    written = []
    for rule in rules:
        same = next((wanted for wanted in expected or [] if _meaning(wanted) == _meaning(rule)), rule)
        written.append(same)
    return written


def _meaning(rule: Rule) -> dict[str, str]:
    return {key: str(value) for key, value in rule.items()}
