"""Storage classes (specification, "Storage Classes Creation")."""

from typing import Any

from eks_assets.graph.unit import unit
from eks_assets.units.infrastructure.efs import EfsOutputs
from resources.config.environment import Environment
from resources.model.specs import Manifests


@unit(wave="configuration", minutes=0.1)
def storage_classes(env: Environment, efs: EfsOutputs) -> Manifests:
    """`gp3` as the default class on EBS, and `efs-sc` for volumes that many pods share."""
    ebs = "ebs.csi.eks.amazonaws.com" if env.cluster.auto_mode else "ebs.csi.aws.com"
    return Manifests(
        objects=(
            _storage_class(
                "gp3",
                ebs,
                {"type": "gp3", "encrypted": "true"},
                volumeBindingMode="WaitForFirstConsumer",
                allowVolumeExpansion=True,
                annotations={"storageclass.kubernetes.io/is-default-class": "true"},
            ),
            _storage_class(
                "efs-sc",
                "efs.csi.aws.com",
                {"provisioningMode": "efs-ap", "fileSystemId": efs.file_system_id, "directoryPerms": "700"},
                volumeBindingMode="Immediate",
            ),
        )
    )


def _storage_class(
    name: str, provisioner: str, parameters: dict[str, str], annotations: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, **({"annotations": annotations} if annotations else {})}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": metadata,
        "provisioner": provisioner,
        "parameters": parameters,
        "reclaimPolicy": "Delete",
        **more,
    }
