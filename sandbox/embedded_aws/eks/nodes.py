"""The nodes of a managed node group: EC2 instances here, Node objects at the supervisor."""

import ipaddress
import re

from ministack.core.responses import get_region
from ministack.services import ec2

from ..supervisor_client import SupervisorError, supervisor
from .records import Record

_GPUS_BY_SIZE = {
    ("g4dn", "12xlarge"): 4,
    ("g4dn", "metal"): 8,
    ("g5", "12xlarge"): 4,
    ("g5", "24xlarge"): 4,
    ("g5", "48xlarge"): 8,
    ("g6", "12xlarge"): 4,
    ("g6", "24xlarge"): 4,
    ("g6", "48xlarge"): 8,
    ("g6e", "12xlarge"): 4,
    ("g6e", "24xlarge"): 4,
    ("g6e", "48xlarge"): 8,
    ("p3", "8xlarge"): 4,
    ("p3", "16xlarge"): 8,
    ("p4d", "24xlarge"): 8,
    ("p4de", "24xlarge"): 8,
    ("p5", "48xlarge"): 8,
    ("p5e", "48xlarge"): 8,
}
_TAINT_EFFECTS = {
    "NO_SCHEDULE": "NoSchedule",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
    "NO_EXECUTE": "NoExecute",
}


def gpus(instance_type: str) -> int:
    """How many NVIDIA GPUs an instance type has."""
    family, _, size = instance_type.partition(".")
    if not re.fullmatch(r"(g|p)\d\w*", family):
        return 0
    return _GPUS_BY_SIZE.get((family, size), 1)


def reconcile(cluster: Record, group: Record, replace_all: bool = False, force: bool = True) -> None:
    """Make the group have exactly its desired number of nodes. Raises SupervisorError, and then nothing has changed.

    `replace_all` rolls every node, as an update of version or launch template does; without `force` only where
    disruption budgets allow it.
    """
    nodes: list[Record] = list(cluster.setdefault("_nodes", {}).get(group["nodegroupName"], []))
    instance_type = _instance_type(group)
    keep = [] if replace_all else [node for node in nodes if node["instance_type"] == instance_type]
    desired = int(group["scalingConfig"]["desiredSize"])
    kept, dropped = keep[:desired], keep[desired:] + [node for node in nodes if node not in keep]
    taken = {node["address"] for group_nodes in cluster["_nodes"].values() for node in group_nodes}
    while len(kept) < desired:
        node = _launch(group, instance_type, len(kept), taken)
        taken.add(node["address"])
        kept.append(node)
    try:
        _tell_supervisor(cluster, group, kept, force)
    except SupervisorError:
        _terminate([node for node in kept if node not in nodes])
        raise
    cluster["_nodes"][group["nodegroupName"]] = kept
    _terminate(dropped)


def remove(cluster: Record, group: Record) -> None:
    """Remove all nodes of the group. Raises SupervisorError."""
    client = supervisor()
    if client is not None:
        client.delete(f"/clusters/{cluster['name']}/node-groups/{group['nodegroupName']}")
    _terminate(cluster.get("_nodes", {}).pop(group["nodegroupName"], []))


def _instance_type(group: Record) -> str:
    if group.get("instanceTypes"):
        return str(group["instanceTypes"][0])
    specification = group.get("launchTemplate") or {}
    for template in ec2._launch_templates.values():
        if specification.get("id") == template["LaunchTemplateId"] or (
            specification.get("name") == template["LaunchTemplateName"]
        ):
            wanted = str(specification.get("version") or template["DefaultVersionNumber"])
            for version in template["Versions"]:
                if str(version["VersionNumber"]) == wanted:
                    return str(version["LaunchTemplateData"].get("InstanceType") or "t3.medium")
    return "t3.medium"


def _launch(group: Record, instance_type: str, index: int, taken: set[str]) -> Record:
    subnet = ec2._subnets[group["subnets"][index % len(group["subnets"])]]
    # The first four addresses of a subnet belong to AWS; low ones are left to load balancers.
    hosts = list(ipaddress.ip_network(subnet["CidrBlock"]).hosts())[10:]
    address = next(str(host) for host in hosts if str(host) not in taken)
    name = f"ip-{address.replace('.', '-')}.{get_region()}.compute.internal"
    (instance,) = ec2._launch_instances_internal(
        "ami-0eks", instance_type, subnet["SubnetId"], 1, requested_private_ip=address
    )
    instance["PrivateDnsName"] = name
    instance["Placement"]["AvailabilityZone"] = subnet["AvailabilityZone"]
    ec2._tags[instance["InstanceId"]] = [
        {"Key": "eks:cluster-name", "Value": group["clusterName"]},
        {"Key": "eks:nodegroup-name", "Value": group["nodegroupName"]},
        {"Key": f"kubernetes.io/cluster/{group['clusterName']}", "Value": "owned"},
    ]
    return {
        "name": name,
        "address": address,
        "instance_id": instance["InstanceId"],
        "instance_type": instance_type,
        "zone": subnet["AvailabilityZone"],
    }


def _terminate(nodes: list[Record]) -> None:
    for node in nodes:
        if node["instance_id"] in ec2._instances:
            ec2._terminate_instances({"InstanceId.1": [node["instance_id"]]})


def _tell_supervisor(cluster: Record, group: Record, nodes: list[Record], force: bool) -> None:
    client = supervisor()
    if client is None:
        return
    client.put(
        f"/clusters/{cluster['name']}/node-groups/{group['nodegroupName']}",
        {"version": group["version"], "nodes": [_node_object(group, node) for node in nodes], "force": force},
    )


def _node_object(group: Record, node: Record) -> Record:
    region = node["zone"][:-1]
    arm = "ARM" in str(group.get("amiType", "")).upper()
    return {
        "name": node["name"],
        "instance_type": node["instance_type"],
        "zone": node["zone"],
        "gpus": gpus(node["instance_type"]),
        "provider_id": f"aws:///{node['zone']}/{node['instance_id']}",
        "labels": {
            "kubernetes.io/arch": "arm64" if arm else "amd64",
            "kubernetes.io/hostname": node["name"],
            "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": node["instance_type"],
            "topology.kubernetes.io/region": region,
            "topology.kubernetes.io/zone": node["zone"],
            "eks.amazonaws.com/nodegroup": group["nodegroupName"],
            "eks.amazonaws.com/capacityType": group["capacityType"],
            "eks.amazonaws.com/nodegroup-image": "ami-0eks",
            **group["labels"],
        },
        "taints": [
            {"key": taint["key"], "value": taint.get("value", ""), "effect": _TAINT_EFFECTS[taint["effect"]]}
            for taint in group["taints"]
        ],
    }
