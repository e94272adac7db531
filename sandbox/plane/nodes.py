"""The worker nodes of a node group, as Node objects that KWOK brings to life."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.errors import EvictionRefused
from sandbox.plane.kubernetes_api import MERGE_PATCH, ApiError, KubernetesApi, Object

NODE_GROUP_LABEL = "eks.amazonaws.com/nodegroup"
FIELD_MANAGER = "kubelet"
DRAIN_SECONDS = 10.0
_GIB_PER_VCPU = {"c": 2, "r": 8, "x": 16, "u": 16, "z": 8, "p": 10, "i": 8}
_SMALL_SIZES = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
_SMALL_MEMORY_GIB = {"nano": 1, "micro": 1, "small": 2, "medium": 4}


def capacity(instance_type: str, gpus: int) -> tuple[dict[str, str], dict[str, str]]:
    """Roughly the capacity of an EC2 instance type, and what the kubelet leaves of it to pods."""
    family, _, size = instance_type.partition(".")
    times = re.fullmatch(r"(\d+)xlarge", size)
    vcpus = 4 * int(times.group(1)) if times else _SMALL_SIZES.get(size, 96)
    memory = _SMALL_MEMORY_GIB.get(size, vcpus * _GIB_PER_VCPU.get(family[:1], 4))
    pods = 29 if vcpus <= 2 else 58 if vcpus <= 8 else 110 if vcpus < 32 else 250
    size_of = {"pods": str(pods), "ephemeral-storage": "80Gi", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    usable = {"cpu": f"{vcpus * 1000 - 60 - 5 * vcpus}m", "memory": f"{memory * 1024 - 255 - 11 * pods}Mi"}
    return {"cpu": str(vcpus), "memory": f"{memory}Gi", **size_of}, {**usable, **size_of}


def node_manifest(group: str, version: str, region: str, spec: Mapping[str, Any]) -> Object:
    """The Node of one entry of a node group: `name`, and what may be absent: `labels`, `taints`, `instance_type`,
    `zone`, `gpus`, `provider_id`."""
    name, instance_type, zone = spec["name"], spec.get("instance_type", "m7i.xlarge"), spec.get("zone", f"{region}a")
    total, usable = capacity(instance_type, int(spec.get("gpus") or 0))
    arm = re.match(r"[a-z]+\d+g", instance_type) is not None
    labels = {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64" if arm else "amd64",
        "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": instance_type,
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        **(spec.get("labels") or {}),
        NODE_GROUP_LABEL: group,
    }
    annotations = {
        "sandbox/ip": address(name),
        "sandbox/capacity": json.dumps(total),
        "sandbox/allocatable": json.dumps(usable),
        "sandbox/kubelet-version": kubelet_version(version),
    }
    provider_id = spec.get("provider_id") or f"aws:///{zone}/i-{hashlib.sha256(name.encode()).hexdigest()[:17]}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"providerID": provider_id, "taints": [dict(t) for t in spec.get("taints") or []]},
    }


def address(name: str) -> str:
    """The node's address: the one in its name (`ip-10-0-1-2...`), else one in 10.0.0.0/16 that its name yields."""
    named = re.match(r"ip-(\d+)-(\d+)-(\d+)-(\d+)\b", name)
    if named:
        return ".".join(named.groups())
    digest = hashlib.sha256(name.encode()).digest()
    return f"10.0.{digest[0]}.{digest[1] % 254 + 1}"


def kubelet_version(version: str) -> str:
    """The version that an EKS node of a Kubernetes minor, or patch, shows."""
    return f"v{version if version.count('.') > 1 else version + '.0'}-eks-sandbox"


def apply_node_group(
    api: KubernetesApi,
    group: str,
    version: str,
    region: str,
    nodes: Sequence[Mapping[str, Any]],
    *,
    force: bool = True,
) -> None:
    """Make exactly these nodes exist for the group: new ones are created first, then the surplus is drained.

    A node of another version is replaced, as a real update does. Without `force` a disruption budget that keeps pods
    for 10 s ends that, and everything is as it was. Raises ApiError, EvictionRefused.
    """
    wanted = {node["name"]: node_manifest(group, version, region, node) for node in nodes}
    present = {node["metadata"]["name"]: node for node in group_nodes(api, group)}
    outdated = [name for name in present if name not in wanted or _shows_another_version(present[name], wanted[name])]
    for name, manifest in wanted.items():
        if name not in outdated:
            api.apply(manifest, FIELD_MANAGER)
    try:
        for name in outdated:
            drain_node(api, name, force=force)
    except EvictionRefused:
        for name in outdated:
            _set_unschedulable(api, name, False)
        for name in wanted.keys() - present.keys():
            remove_node(api, name)
        raise
    for name in outdated:
        _delete_node(api, name)
        if name in wanted:
            api.apply(wanted[name], FIELD_MANAGER)


def remove_node_group(api: KubernetesApi, group: str) -> None:
    """Drain and remove every node of the group. Raises ApiError."""
    for node in group_nodes(api, group):
        remove_node(api, node["metadata"]["name"])


def group_nodes(api: KubernetesApi, group: str) -> list[Object]:
    """The nodes of a group. Raises ApiError."""
    return api.list("/api/v1/nodes", labelSelector=f"{NODE_GROUP_LABEL}={group}")


def remove_node(api: KubernetesApi, name: str) -> None:
    """Cordon a node, evict its pods (disruption budgets are respected for 10 s), and delete it. Raises ApiError."""
    drain_node(api, name, force=True)
    _delete_node(api, name)


def drain_node(api: KubernetesApi, name: str, *, force: bool) -> None:
    """Cordon a node and evict its pods; with `force` those that a disruption budget keeps for 10 s are deleted. Raises
    ApiError, EvictionRefused."""
    _set_unschedulable(api, name, True)
    deadline = time.monotonic() + DRAIN_SECONDS
    for pod in _pods_of(api, name):
        if any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", [])):
            continue
        if not _evict(api, pod["metadata"], deadline):
            if not force:
                raise EvictionRefused(name)
            api.delete({"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"]})


def _node(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}


def _set_unschedulable(api: KubernetesApi, name: str, value: bool) -> None:
    api.request("PATCH", api.path_of(_node(name)), {"spec": {"unschedulable": value}}, MERGE_PATCH)


def _delete_node(api: KubernetesApi, name: str) -> None:
    api.delete(_node(name))
    for pod in _pods_of(api, name):  # its DaemonSets' pods, which would otherwise stay for the collector's 40 s
        api.delete({"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"]}, grace_seconds=0)


def _pods_of(api: KubernetesApi, node: str) -> list[Object]:
    return api.list("/api/v1/pods", fieldSelector=f"spec.nodeName={node}")


def _evict(api: KubernetesApi, metadata: Mapping[str, Any], deadline: float) -> bool:
    """Whether the pod went before the deadline."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
    }
    while time.monotonic() < deadline:
        try:
            api.request("POST", f"{api.path_of(pod)}/eviction", eviction)
            return True
        except ApiError as error:
            if error.status == 404:
                return True
            if error.status != 429:  # 429 is a disruption budget that says: not now
                raise
        time.sleep(0.2)
    return False


def _shows_another_version(present: Object, wanted: Object) -> bool:
    key = "sandbox/kubelet-version"
    shown: str | None = present["metadata"].get("annotations", {}).get(key)
    expected: str = wanted["metadata"]["annotations"][key]
    return shown != expected
