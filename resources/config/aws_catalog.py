"""What AWS offers, as static tables: enough to find a typo before anything is sent to AWS.

Read on 2026-08-21 from the EKS version calendar, eksctl and Karpenter's instance type reference. AWS adds to these
lists; a name that is missing here is added here, with a new date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

CATALOG_DATE = date(2026, 8, 21)


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


@dataclass(frozen=True)
class KubernetesVersion:
    """When AWS ends standard support (then six times the price) and extended support (then a forced upgrade).
    None where AWS had not announced the day at CATALOG_DATE. `karpenter`: the oldest release that knows it."""

    standard_ends: date | None
    extended_ends: date | None
    karpenter: tuple[int, int]


KUBERNETES_VERSIONS: dict[str, KubernetesVersion] = {
    "1.31": KubernetesVersion(date(2025, 11, 26), date(2026, 11, 26), (1, 0)),
    "1.32": KubernetesVersion(date(2026, 3, 23), date(2027, 3, 23), (1, 2)),
    "1.33": KubernetesVersion(date(2026, 7, 29), date(2027, 7, 29), (1, 5)),
    "1.34": KubernetesVersion(date(2026, 12, 2), date(2027, 12, 2), (1, 6)),
    "1.35": KubernetesVersion(date(2027, 3, 27), date(2028, 3, 27), (1, 9)),
    "1.36": KubernetesVersion(None, None, (1, 13)),
}
# The sandbox's API server emulates these (kube-apiserver 1.37 refuses older ones).
SANDBOX_KUBERNETES_VERSIONS = ("1.34", "1.35", "1.36")

# Each region with the letters of its zones that an account may see.
REGIONS: dict[str, str] = {
    "af-south-1": "abc",
    "ap-east-1": "abc",
    "ap-east-2": "abc",
    "ap-northeast-1": "abcd",
    "ap-northeast-2": "abcd",
    "ap-northeast-3": "abc",
    "ap-south-1": "abc",
    "ap-south-2": "abc",
    "ap-southeast-1": "abc",
    "ap-southeast-2": "abc",
    "ap-southeast-3": "abc",
    "ap-southeast-4": "abc",
    "ap-southeast-5": "abc",
    "ap-southeast-6": "abc",
    "ap-southeast-7": "abc",
    "ca-central-1": "abd",
    "ca-west-1": "abc",
    "cn-north-1": "abd",
    "cn-northwest-1": "abc",
    "eu-central-1": "abc",
    "eu-central-2": "abc",
    "eu-north-1": "abc",
    "eu-south-1": "abc",
    "eu-south-2": "abc",
    "eu-west-1": "abc",
    "eu-west-2": "abc",
    "eu-west-3": "abc",
    "il-central-1": "abc",
    "me-central-1": "abc",
    "me-south-1": "abc",
    "mx-central-1": "abc",
    "sa-east-1": "abc",
    "us-east-1": "abcdef",
    "us-east-2": "abc",
    "us-gov-east-1": "abc",
    "us-gov-west-1": "abc",
    "us-west-1": "abc",
    "us-west-2": "abcd",
}

INSTANCE_FAMILIES = words(
    """
    a1 c1 c3 c4 c5 c5a c5ad c5d c5n c6a c6g c6gd c6gn c6i c6id c6in c7a c7g c7gd c7gn c7i c7i-flex c8a c8g c8gb c8gd
    c8gn c8i c8i-flex c8ib c8id c8in c8ine c9g c9gd d2 d3 d3en dl1 dl2q f1 f2 g4ad g4dn g5 g5g g6 g6e g6f g7 g7e gr6
    gr6f h1 hpc6a hpc6id hpc7a hpc7g hpc8a i2 i3 i3en i4g i4i i7i i7ie i8g i8ge im4gn inf1 inf2 is4gen m1 m2 m3 m4 m5
    m5a m5ad m5d m5dn m5n m5zn m6a m6g m6gd m6i m6id m6idn m6in m7a m7g m7gd m7i m7i-flex m8a m8azn m8g m8gb m8gd m8gn
    m8i m8i-flex m8ib m8id m8idb m8idn m8in m8ine m9g m9gd p2 p3 p3dn p4d p4de p5 p5e p5en p6-b200 p6-b300 p6e-gb200
    r3 r4 r5 r5a r5ad r5b r5d r5dn r5n r6a r6g r6gd r6i r6id r6idn r6in r7a r7g r7gd r7i r7iz r8a r8g r8gb r8gd r8gn
    r8i r8i-flex r8ib r8id r8idb r8idn r8in t1 t2 t3 t3a t4g trn1 trn1n trn2 trn2u u-3tb1 u-6tb1 u7i-12tb u7i-6tb
    u7i-8tb u7in-16tb u7in-24tb u7in-32tb vt1 x1 x1e x2gd x2idn x2iedn x2iezn x8aedz x8g x8i z1d
    """
)
INSTANCE_SIZE = re.compile(r"^(nano|micro|small|medium|large|xlarge|\d{1,3}xlarge|metal(-\d{1,2}xl)?)$")
INSTANCE_SIZES = ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "metal")

# Add-ons that AWS itself publishes. Those of the marketplace are called `vendor_product` and are not listed here.
EKS_ADDONS = words(
    """
    adot amazon-cloudwatch-observability amazon-sagemaker-hyperpod-observability
    amazon-sagemaker-hyperpod-taskgovernance amazon-sagemaker-hyperpod-training-operator aws-ebs-csi-driver
    aws-efs-csi-driver aws-fsx-csi-driver aws-guardduty-agent aws-mountpoint-s3-csi-driver
    aws-network-flow-monitoring-agent aws-privateca-connector-for-kubernetes aws-secrets-store-csi-driver-provider
    cert-manager coredns eks-node-monitoring-agent eks-pod-identity-agent external-dns fluent-bit kube-proxy
    kube-state-metrics metrics-server prometheus-node-exporter snapshot-controller vpc-cni
    """
)

ACCESS_POLICIES = words(
    """
    AmazonAIOpsAssistantPolicy AmazonARCRegionSwitchScalingPolicy AmazonEKSACKPolicy AmazonEKSAdminPolicy
    AmazonEKSAdminViewPolicy AmazonEKSArgoCDClusterPolicy AmazonEKSArgoCDPolicy AmazonEKSAutoNodePolicy
    AmazonEKSBlockStorageClusterPolicy AmazonEKSBlockStoragePolicy AmazonEKSClusterAdminPolicy
    AmazonEKSClusterInsightsPolicy AmazonEKSComputeClusterPolicy AmazonEKSComputePolicy AmazonEKSEditPolicy
    AmazonEKSEventPolicy AmazonEKSHybridPolicy AmazonEKSKROPolicy AmazonEKSLoadBalancingClusterPolicy
    AmazonEKSLoadBalancingPolicy AmazonEKSNetworkingClusterPolicy AmazonEKSNetworkingPolicy
    AmazonEKSSecretAdminPolicy AmazonEKSSecretReaderPolicy AmazonEKSViewPolicy AmazonSagemakerHyperpodClusterPolicy
    AmazonSagemakerHyperpodControllerPolicy AmazonSagemakerHyperpodSpacePolicy
    AmazonSagemakerHyperpodSpaceTemplatePolicy AmazonSagemakerHyperpodSystemNamespacePolicy
    AWSBackupFullAccessPolicyForBackup AWSBackupFullAccessPolicyForRestore
    """
)

_FAMILY = re.compile(r"^([a-z]+)\d+([a-z]*)")
_GPU = re.compile(r"^(g\d|gr\d|p\d)")
_NEURON = re.compile(r"^(inf|trn)\d")


def partition(region: str) -> str:
    """The partition of a region: `aws`, `aws-cn` or `aws-us-gov`."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def zones(region: str) -> tuple[str, ...]:
    """The zones of a region; empty for a region that the catalog does not have."""
    return tuple(f"{region}{letter}" for letter in REGIONS.get(region, ""))


def architecture(instance_type: str) -> Literal["x86_64", "arm64"]:
    """What the processor runs. AWS marks its own ARM processors with a `g` behind the family's number."""
    family = instance_type.split(".")[0]
    match = _FAMILY.match(family)
    arm = family in ("a1", "p6e-gb200") or (match is not None and "g" in match[2])
    return "arm64" if arm else "x86_64"


def accelerator(instance_type: str) -> Literal["none", "nvidia", "neuron"]:
    """Which driver the node's image must bring. `g4ad` has AMD chips, for which EKS has no image."""
    if instance_type.startswith("g4ad."):
        return "none"
    return "neuron" if _NEURON.match(instance_type) else "nvidia" if _GPU.match(instance_type) else "none"
