"""From where the API server of a cluster can be reached: by its public address, or by the rules of its security groups.

DescribeCluster answers the endpoint of the real API server to a machine that is let in, and to any other one an
endpoint that takes no connection, so that its clients run into their time-outs as AWS's do. The sandbox's own parts do
not ask.
Source: EKS user guide, "Cluster API server endpoint".
"""

import socket
from functools import lru_cache
from ipaddress import ip_address, ip_network

from ministack.services import ec2

from ..quotas.limits import machine_addresses
from .records import Record, Response, answer, cluster_of, public

_HTTPS = 443
_QUEUE = 4  # more connections than a backlog of 0 takes


def describe_cluster(name: str) -> Response:
    """DescribeCluster, with the endpoint that this machine has. Raises EksRefusal where there is no cluster."""
    cluster = public(cluster_of(name))
    if cluster.get("endpoint") and not is_let_in(cluster):
        cluster["endpoint"] = silent_endpoint()
    return answer({"cluster": cluster})


def is_let_in(cluster: Record) -> bool:
    """Whether the API server lets this machine in, by its public or its private address."""
    vpc = cluster["resourcesVpcConfig"]
    machine = machine_addresses()
    if vpc["endpointPublicAccess"] and machine.public and _holds(vpc["publicAccessCidrs"], machine.public):
        return True
    if not (vpc["endpointPrivateAccess"] and machine.private):
        return False
    groups = [vpc["clusterSecurityGroupId"], *vpc["securityGroupIds"]]
    return any(_allows(ec2._security_groups.get(group) or {}, machine.private) for group in groups)


def _allows(group: Record, address: str) -> bool:
    return any(
        _holds([block["CidrIp"] for block in rule.get("IpRanges", [])], address)
        for rule in group.get("IpPermissions", [])
        if rule["IpProtocol"] == "-1"
        or (rule["IpProtocol"] in ("tcp", "6") and int(rule["FromPort"]) <= _HTTPS <= int(rule["ToPort"]))
    )


def _holds(blocks: list[str], address: str) -> bool:
    return any(ip_address(address) in ip_network(block) for block in blocks)


@lru_cache(maxsize=1)
def silent_endpoint() -> str:
    """An address on loopback that drops every connection: its queue is full, and nobody takes from it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    _WAITING.append(listener)
    for _ in range(_QUEUE):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        _WAITING.append(client)
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


_WAITING: list[socket.socket] = []  # closed with the process
