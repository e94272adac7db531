"""What controllers make in AWS of objects in the cluster, and so what has to go before the controller does. Pure.

A table of kinds: whoever deletes the objects while the controller runs has it clear up behind them. Sources: Argo CD,
"App Deletion"; AWS Load Balancer Controller, "Service" and "Ingress"; Karpenter, "Disruption" and "Uninstall";
Kubernetes, "Persistent Volumes".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Workload:
    """Where a controller runs."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class ProductKind:
    """Objects of a kind: those alone that have, for each dotted path of `where`, its value. `finalizers`: beginnings of
    those that the controller itself puts on them. `becomes`: what goes along with an object, in a few words."""

    api_version: str
    kind: str
    becomes: str
    where: Mapping[str, str] = field(default_factory=dict, hash=False)
    finalizers: tuple[str, ...] = ()

    def includes(self, obj: Mapping[str, Any]) -> bool:
        """Whether the object is one of these."""
        return all(_at(obj, path) == value for path, value in self.where.items())


@dataclass(frozen=True)
class Products:
    """What a controller makes. `controllers`: it runs while one of them has a ready pod. `kinds`: in the order in which
    they go. `in_auto_mode`: EKS itself makes them in a cluster with Auto Mode; `left_to_auto_mode`: it has such objects
    of its own there, so where the controller alone goes they stay."""

    name: str
    controller: str
    controllers: tuple[Workload, ...]
    kinds: tuple[ProductKind, ...]
    in_auto_mode: bool = False
    left_to_auto_mode: bool = False


def _at(obj: Mapping[str, Any], path: str) -> Any:
    value: Any = obj
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


_ARGO = "argoproj.io/v1alpha1"
_ARGO_FINALIZERS = ("resources-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io")
APPLICATIONS = Products(
    "applications",
    "Argo CD",
    (Workload("StatefulSet", "argocd", "argocd-application-controller"),),
    (
        ProductKind(_ARGO, "ApplicationSet", "its Applications"),
        ProductKind(_ARGO, "Application", "all that it deployed", finalizers=_ARGO_FINALIZERS),
    ),
)
LOAD_BALANCERS = Products(
    "load balancers",
    "the AWS Load Balancer Controller",
    (Workload("Deployment", "kube-system", "aws-load-balancer-controller"),),
    (
        ProductKind(
            "networking.k8s.io/v1",
            "Ingress",
            "its load balancer",
            finalizers=("ingress.k8s.aws", "group.ingress.k8s.aws"),
        ),
        ProductKind(
            "v1", "Service", "its load balancer", {"spec.type": "LoadBalancer"}, finalizers=("service.k8s.aws",)
        ),
        ProductKind("gateway.networking.k8s.io/v1", "Gateway", "its load balancer", finalizers=("gateway.k8s.aws",)),
        ProductKind("elbv2.k8s.aws/v1beta1", "TargetGroupBinding", "its targets", finalizers=("elbv2.k8s.aws",)),
    ),
    in_auto_mode=True,
)
NODES = Products(
    "nodes",
    "Karpenter",
    (Workload("Deployment", "kube-system", "karpenter"),),
    (
        ProductKind("karpenter.sh/v1", "NodePool", "its nodes"),
        ProductKind("karpenter.sh/v1", "NodeClaim", "its EC2 instance", finalizers=("karpenter.sh",)),
        ProductKind("karpenter.k8s.aws/v1", "EC2NodeClass", "its instance profile", finalizers=("karpenter.k8s.aws",)),
    ),
    left_to_auto_mode=True,
)
_PROVISIONER = ("external-provisioner.volume.kubernetes.io", "external-attacher")
VOLUMES = Products(
    "volumes",
    "the CSI drivers",
    (
        Workload("Deployment", "kube-system", "ebs-csi-controller"),
        Workload("Deployment", "kube-system", "efs-csi-controller"),
    ),
    (
        ProductKind("v1", "PersistentVolumeClaim", "its volume, where that is to be deleted"),
        ProductKind(
            "v1",
            "PersistentVolume",
            "its volume",
            {"spec.persistentVolumeReclaimPolicy": "Delete"},
            finalizers=_PROVISIONER,
        ),
    ),
    in_auto_mode=True,
)
