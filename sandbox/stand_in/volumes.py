"""EBS CSI driver: an EC2 volume per PersistentVolume of its driver, while its controller is Ready."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.stand_in.aws import Aws, tags
from sandbox.stand_in.controller import for_each
from sandbox.stand_in.kube import Kube, Object
from sandbox.stand_in.objects import Objects, object_path

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, VolumeTypeDef

DEPLOYMENTS = ("ebs-csi-controller", "aws-ebs-csi-driver")
DRIVER = "ebs.csi.aws.com"
FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"
NAME_TAG = "CSIVolumeName"
ZONE_LABELS = ("topology.kubernetes.io/zone", "topology.ebs.csi.aws.com/zone")
BYTES = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}


def gibibytes(quantity: str) -> int:
    """A Kubernetes quantity in whole GiB, rounded up, as EBS sizes are."""
    found = re.fullmatch(r"([0-9.]+)(e[0-9]+)?([A-Za-z]*)", quantity)
    if not found or found.group(3) not in BYTES:
        raise ValueError(f"{quantity!r} is not a storage quantity")
    return max(1, math.ceil(float(found.group(1) + (found.group(2) or "")) * BYTES[found.group(3)] / 2**30))


class Volumes:
    """Reconciles PersistentVolumes; see the module."""

    name: str = "volumes"
    resources: tuple[str, ...] = ("persistentvolumes", "deployments")

    def __init__(self, kube: Kube, objects: Objects, aws: Aws, cluster: str, log: Callable[[str, str], None]) -> None:
        self._kube, self._objects, self._aws, self._cluster, self._log = kube, objects, aws, cluster, log
        self._known: set[str] = set()

    def reconcile(self) -> None:
        """Create volumes of new PersistentVolumes; delete those of deleted ones unless they are to be retained."""
        if not self._objects.ready(*DEPLOYMENTS):
            return
        volumes = self._objects.all("persistentvolumes")
        for_each((one for one in volumes if (one["spec"].get("csi") or {}).get("driver") == DRIVER), self._reconcile)

    def _reconcile(self, volume: Object) -> None:
        path, meta = object_path("persistentvolumes", volume), volume["metadata"]
        if meta.get("deletionTimestamp"):
            if FINALIZER in (meta.get("finalizers") or []):
                self._delete(volume)
                self._kube.set_finalizer(path, volume, FINALIZER, present=False)
        elif meta["uid"] not in self._known:
            self._kube.set_finalizer(path, volume, FINALIZER, present=True)
            self._create(volume)
            self._known.add(meta["uid"])

    def _found(self, name: str) -> list[VolumeTypeDef]:
        filters: list[FilterTypeDef] = [
            {"Name": f"tag:{NAME_TAG}", "Values": [name]},
            {"Name": "status", "Values": ["creating", "available", "in-use"]},
        ]
        return self._aws.client("ec2").describe_volumes(Filters=filters)["Volumes"]

    def _create(self, volume: Object) -> None:
        name, claim = volume["metadata"]["name"], volume["spec"].get("claimRef") or {}
        if self._found(name):
            return
        marks = {
            NAME_TAG: name,
            "ebs.csi.aws.com/cluster": "true",
            f"kubernetes.io/cluster/{self._cluster}": "owned",
            "kubernetes.io/created-for/pv/name": name,
            "kubernetes.io/created-for/pvc/name": claim.get("name", ""),
            "kubernetes.io/created-for/pvc/namespace": claim.get("namespace", ""),
        }
        answer = self._aws.client("ec2").create_volume(
            AvailabilityZone=self._zone(volume),
            Size=gibibytes(volume["spec"]["capacity"]["storage"]),
            VolumeType="gp3",
            TagSpecifications=[{"ResourceType": "volume", "Tags": tags(marks)}],
        )
        self._log(self.name, f"{name} has volume {answer['VolumeId']}")

    def _zone(self, volume: Object) -> str:
        required = ((volume["spec"].get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or []
        for term in required:
            for expression in term.get("matchExpressions") or []:
                if expression["key"] in ZONE_LABELS and expression.get("values"):
                    return str(expression["values"][0])
        return f"{self._aws.region}a"

    def _delete(self, volume: Object) -> None:
        if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
            return
        for found in self._found(volume["metadata"]["name"]):
            self._aws.client("ec2").delete_volume(VolumeId=found["VolumeId"])
            self._log(self.name, f"{volume['metadata']['name']} lost volume {found['VolumeId']}")
