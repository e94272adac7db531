"""Karpenter: an EC2 instance and a Node per NodeClaim, while its Deployment is Ready.

The instance is tagged as Karpenter tags it, and outlives a cluster whose Karpenter went first: an orphan, as in real
life. Annotations of a NodeClaim: `sandbox/ready-delay` (such as 5s; half a second when absent) and
`sandbox/mode: stuck`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from sandbox.plane.nodes import capacity, kubelet_version
from sandbox.stand_in.aws import Aws, tags
from sandbox.stand_in.controller import annotation, condition, for_each, label, now, owner_reference
from sandbox.stand_in.external_secrets import seconds
from sandbox.stand_in.kube import Kube, Object
from sandbox.stand_in.objects import Objects, object_path

if TYPE_CHECKING:
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, RunInstancesRequestTypeDef

DEPLOYMENT = "karpenter"
FIELD_MANAGER = "karpenter"
FINALIZER = "karpenter.sh/termination"
NODE_POOL = "karpenter.sh/nodepool"
INSTANCE_TYPE, ZONE = "node.kubernetes.io/instance-type", "topology.kubernetes.io/zone"
DEFAULT_TYPE = "m7i.xlarge"
DEFAULT_DELAY = "500ms"
LIVE = ["pending", "running", "stopping", "stopped"]
CONDITIONS = ("Launched", "Registered", "Initialized", "Ready")


def requirement(claim: Object, key: str, default: str) -> str:
    """The first value that the claim's label or its `In` requirement for `key` allows."""
    for wanted in claim["spec"].get("requirements") or []:
        if wanted["key"] == key and wanted["operator"] == "In" and wanted.get("values"):
            return label(claim, key) or str(wanted["values"][0])
    return label(claim, key) or default


def cluster_version(kube: Kube) -> str:
    """The minor that the cluster shows, such as 1.34; its binaries are newer and emulate it."""
    shown = kube.request("GET", "/version")
    return f"{shown.get('emulationMajor') or shown['major']}.{shown.get('emulationMinor') or shown['minor']}"


class NodeClaims:
    """Reconciles NodeClaims; see the module."""

    name: str = "node-claims"
    resources: tuple[str, ...] = ("nodeclaims", "nodes", "deployments")

    def __init__(self, kube: Kube, objects: Objects, aws: Aws, cluster: str, log: Callable[[str, str], None]) -> None:
        self._kube, self._objects, self._aws, self._cluster, self._log = kube, objects, aws, cluster, log

    def reconcile(self) -> None:
        """Launch what is due and terminate what is deleted."""
        if not self._objects.ready(DEPLOYMENT):
            return
        for_each(self._objects.all("nodeclaims"), self._reconcile)

    def _reconcile(self, claim: Object) -> None:
        if claim["metadata"].get("deletionTimestamp"):
            if FINALIZER in (claim["metadata"].get("finalizers") or []):
                self._terminate(claim)
        elif annotation(claim, "sandbox/mode") != "stuck" and condition(claim, "Ready").get("status") != "True":
            self._launch(claim)

    def _launch(self, claim: Object) -> None:
        path = object_path("nodeclaims", claim)
        self._kube.set_finalizer(path, claim, FINALIZER, present=True)
        age = datetime.now(UTC) - datetime.fromisoformat(claim["metadata"]["creationTimestamp"])
        if age.total_seconds() < seconds(annotation(claim, "sandbox/ready-delay") or DEFAULT_DELAY):
            return
        zone = requirement(claim, ZONE, f"{self._aws.region}a")
        instance = next(iter(self._instances(claim)), None) or self._run_instance(claim, zone)
        host = str(instance.get("PrivateIpAddress") or instance["InstanceId"]).replace(".", "-")
        node = f"ip-{host}.{self._aws.region}.compute.internal"
        provider = f"aws:///{zone}/{instance['InstanceId']}"
        self._kube.apply(f"/api/v1/nodes/{node}", self._node(claim, node, provider, zone), FIELD_MANAGER)
        moment = now()
        conditions = [
            {"type": kind, "status": "True", "reason": kind, "message": "", "lastTransitionTime": moment}
            for kind in CONDITIONS
        ]
        status = {"nodeName": node, "providerID": provider, "conditions": conditions}
        self._kube.patch_status(path, status, FIELD_MANAGER)
        self._log(self.name, f"{claim['metadata']['name']} has instance {instance['InstanceId']} and node {node}")

    def _instances(self, claim: Object) -> list[InstanceTypeDef]:
        filters: list[FilterTypeDef] = [
            {"Name": "tag:karpenter.sh/nodeclaim", "Values": [claim["metadata"]["name"]]},
            {"Name": "tag:eks:eks-cluster-name", "Values": [self._cluster]},
            {"Name": "instance-state-name", "Values": LIVE},
        ]
        answer = self._aws.client("ec2").describe_instances(Filters=filters)
        return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]

    def _run_instance(self, claim: Object, zone: str) -> InstanceTypeDef:
        pool = label(claim, NODE_POOL) or ""
        marks = {
            NODE_POOL: pool,
            "karpenter.sh/nodeclaim": claim["metadata"]["name"],
            "karpenter.k8s.aws/ec2nodeclass": claim["spec"]["nodeClassRef"]["name"],
            "eks:eks-cluster-name": self._cluster,
            f"kubernetes.io/cluster/{self._cluster}": "owned",
            "Name": f"{pool or 'default'}/{claim['metadata']['name']}",
        }
        subnets = self._aws.client("ec2").describe_subnets(
            Filters=[{"Name": "tag:karpenter.sh/discovery", "Values": [self._cluster]}]
        )["Subnets"]
        inside = [one["SubnetId"] for one in subnets if one["AvailabilityZone"] == zone]
        request: RunInstancesRequestTypeDef = {
            "ImageId": "ami-0123456789abcdef0",
            "MinCount": 1,
            "MaxCount": 1,
            "InstanceType": cast("InstanceTypeType", requirement(claim, INSTANCE_TYPE, DEFAULT_TYPE)),
            "TagSpecifications": [{"ResourceType": "instance", "Tags": tags(marks)}],
        }
        if inside:
            request["SubnetId"] = inside[0]
        return self._aws.client("ec2").run_instances(**request)["Instances"][0]

    def _node(self, claim: Object, node: str, provider: str, zone: str) -> Object:
        instance_type = requirement(claim, INSTANCE_TYPE, DEFAULT_TYPE)
        gpus = requirement(claim, "karpenter.k8s.aws/instance-gpu-count", "0")
        total, usable = capacity(instance_type, int(gpus))
        labels = {
            **(claim["metadata"].get("labels") or {}),
            INSTANCE_TYPE: instance_type,
            ZONE: zone,
            "topology.kubernetes.io/region": self._aws.region,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": requirement(claim, "kubernetes.io/arch", "amd64"),
            "kubernetes.io/hostname": node,
            "karpenter.sh/registered": "true",
            "karpenter.sh/initialized": "true",
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": node,
                "labels": labels,
                "annotations": {
                    "sandbox/capacity": json.dumps(total),
                    "sandbox/allocatable": json.dumps(usable),
                    "sandbox/kubelet-version": kubelet_version(cluster_version(self._kube)),
                },
                "ownerReferences": [owner_reference(claim)],
            },
            "spec": {"providerID": provider, "taints": claim["spec"].get("taints") or []},
        }

    def _terminate(self, claim: Object) -> None:
        if node := (claim.get("status") or {}).get("nodeName"):
            self._kube.delete(f"/api/v1/nodes/{node}")
        found = [instance["InstanceId"] for instance in self._instances(claim)]
        if found:
            self._aws.client("ec2").terminate_instances(InstanceIds=found)
            self._drop_root_volumes(found)
        self._kube.set_finalizer(object_path("nodeclaims", claim), claim, FINALIZER, present=False)
        self._log(self.name, f"{claim['metadata']['name']} lost {', '.join(found) or 'nothing'}")

    def _drop_root_volumes(self, instances: list[str]) -> None:
        """EC2 deletes them with the instance; MiniStack keeps them, and they would look like orphans."""
        client = self._aws.client("ec2")
        filters: list[FilterTypeDef] = [{"Name": "attachment.instance-id", "Values": instances}]
        for volume in client.describe_volumes(Filters=filters)["Volumes"]:
            if any(attached["InstanceId"] in instances for attached in volume["Attachments"]):
                client.detach_volume(VolumeId=volume["VolumeId"])
                client.delete_volume(VolumeId=volume["VolumeId"])
