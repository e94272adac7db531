"""What is deleted is listed for some seconds more, and holds what it used: network interfaces and security groups.

Its deletion has been answered: a second one finds nothing. Source: EC2 API reference, "Eventual consistency".
"""

import time
from collections.abc import Callable
from typing import Any

from ministack.services import ec2

from .switches import is_new, switches

Query = dict[str, list[str]]
QueryResponse = tuple[int, dict[str, str], bytes]
Records = dict[str, dict[str, Any]]
_DELETED = "DeletedAt"
_REMAINS = (
    ("DeleteNetworkInterface", "NetworkInterfaceId", ec2._network_interfaces),
    ("DeleteSecurityGroup", "GroupId", ec2._security_groups),
)
# Whoever asks these sees how much time has passed.
_ASKING = (
    "DeleteInternetGateway",
    "DeleteSubnet",
    "DeleteVpc",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
)


def _forget() -> None:
    """Let go of what was deleted long enough ago, also where the switch is off by now."""
    for _, _, records in _REMAINS:
        over = [key for key, one in records.items() if _DELETED in one and not _remains(one)]
        for key in over:
            del records[key]


def _remains(record: dict[str, Any]) -> bool:
    return is_new(record[_DELETED], switches().deletion_seconds)


def _remaining(original: Callable[[Query], QueryResponse], parameter: str, records: Records) -> Any:
    def delete(query: Query) -> QueryResponse:
        _forget()
        key = str(ec2._p(query, parameter) or "")
        record = records.get(key)
        if record is not None and _DELETED in record:
            del records[key]
            try:
                return original(query)  # in its words: there is none
            finally:
                records[key] = record
        response = original(query)
        if record is not None and key not in records and switches().deletion_seconds:
            records[key] = record | {_DELETED: time.time()}
        return response

    return delete


def _after_time(original: Callable[[Query], QueryResponse]) -> Any:
    def answer(query: Query) -> QueryResponse:
        _forget()
        return original(query)

    return answer


def install() -> None:
    """Put it in front of what answers otherwise. After the guards of EC2."""
    for action, parameter, records in _REMAINS:
        ec2._ACTION_MAP[action] = _remaining(ec2._ACTION_MAP[action], parameter, records)
    for action in _ASKING:
        ec2._ACTION_MAP[action] = _after_time(ec2._ACTION_MAP[action])
