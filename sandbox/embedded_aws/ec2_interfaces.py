"""Network interfaces as EC2 has them: filters, tags, what they keep from being deleted, and what keeps them.

MiniStack lists all of them whatever is asked for, forgets their tags, and deletes what is attached. Source: EC2 API
reference, DescribeNetworkInterfaces, CreateNetworkInterface, DeleteNetworkInterface.
"""

from typing import Any

from ministack.services import ec2

Query = dict[str, Any]
Response = Any
_create = ec2._ACTION_MAP["CreateNetworkInterface"]
_delete = ec2._ACTION_MAP["DeleteNetworkInterface"]
_MEMBERS = {"vpc-id": "VpcId", "subnet-id": "SubnetId", "status": "Status", "description": "Description"}


def create_interface(query: Query) -> Response:
    """CreateNetworkInterface, with its tags."""
    before = set(ec2._network_interfaces)
    response = _create(query)
    tags = [
        {
            "Key": ec2._p(query, f"TagSpecification.1.Tag.{number}.Key"),
            "Value": ec2._p(query, f"TagSpecification.1.Tag.{number}.Value", ""),
        }
        for number in range(1, 51)
        if ec2._p(query, f"TagSpecification.1.Tag.{number}.Key")
    ]
    for identifier in set(ec2._network_interfaces) - before:
        if tags:
            ec2._tags[identifier] = tags
    return response


def delete_interface(query: Query) -> Response:
    """DeleteNetworkInterface; refused for what is attached."""
    identifier = ec2._p(query, "NetworkInterfaceId")
    interface = ec2._network_interfaces.get(identifier)
    if interface is not None and interface["Status"] == "in-use":
        message = f"Network interface '{identifier}' is currently in use."
        return ec2._error("InvalidParameterValue", message, 400)
    return _delete(query)


def describe_interfaces(query: Query) -> Response:
    """DescribeNetworkInterfaces, with the filters that it is asked for."""
    asked, filters = ec2._parse_member_list(query, "NetworkInterfaceId"), ec2._parse_filters(query)
    found = [
        interface
        for identifier, interface in ec2._network_interfaces.items()
        if (not asked or identifier in asked) and _matches(interface, filters)
    ]
    items = "".join(ec2._eni_fields_xml(interface) for interface in found)
    answer = f"<networkInterfaceSet>{items}</networkInterfaceSet>"
    return ec2._xml(200, "DescribeNetworkInterfacesResponse", answer)


def _matches(interface: dict[str, Any], filters: dict[str, list[str]]) -> bool:
    groups = {group["GroupId"] for group in interface.get("Groups", [])}
    return bool(
        ec2._resource_matches_tag_filters(interface["NetworkInterfaceId"], filters)
        and all(interface.get(_MEMBERS[name]) in values for name, values in filters.items() if name in _MEMBERS)
        and ("group-id" not in filters or groups.intersection(filters["group-id"]))
    )


def install() -> None:
    """Answer in the place of MiniStack."""
    ec2._ACTION_MAP["CreateNetworkInterface"] = create_interface
    ec2._ACTION_MAP["DeleteNetworkInterface"] = delete_interface
    ec2._ACTION_MAP["DescribeNetworkInterfaces"] = describe_interfaces
