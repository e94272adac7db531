"""Filters of DescribeInstances that MiniStack passes over: VPC and subnet.

Source: API reference of EC2, DescribeInstances.
"""

from typing import Any

from ministack.services import ec2

_matches = ec2._matches_filters
_MEMBERS = {"subnet-id": "SubnetId", "vpc-id": "VpcId"}


def matches_filters(instance: dict[str, Any], filters: dict[str, list[str]]) -> bool:
    """Whether the instance passes all filters."""
    asked = {member: filters[name] for name, member in _MEMBERS.items() if name in filters}
    return bool(all(instance.get(member) in values for member, values in asked.items()) and _matches(instance, filters))


def install() -> None:
    """Answer in the place of MiniStack."""
    ec2._matches_filters = matches_filters
