"""What AWS offers, as static tables: enough to find a typo before anything is sent to AWS.

Regions, partitions and instance types are botocore's: `make catalog` writes aws_catalog.json from its models. What
botocore does not know (versions, add-ons, access policies, zones) was read on CATALOG_DATE from the EKS version
calendar, the EKS user guide and eksctl. AWS adds to those, so validation only warns of a name that is far from all of
them (`validation/catalog.py`); one within a letter of a known name is a typo and refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from resources.config.problems import is_misspelt

CATALOG_DATE = date(2026, 8, 21)
BOTOCORE_FILE = Path(__file__).with_name("aws_catalog.json")
_BOTOCORE: dict[str, Any] = json.loads(BOTOCORE_FILE.read_text(encoding="utf-8"))


def word_set(text: str) -> frozenset[str]:
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
# The sandbox's API server emulates these (kube-apiserver 1.37 refuses older ones). 1.37 is the sandbox's own as long as
# EKS does not offer it: it is not in the table above.
SANDBOX_KUBERNETES_VERSIONS = ("1.34", "1.35", "1.36", "1.37")
# Kubernetes publishes three minor versions a year: a number further above the newest one known is a typo.
_MINORS_TO_COME = 6

# Each region's partition, and the sizes of each EC2 instance family.
REGIONS: dict[str, str] = {
    region: partition for partition, regions in _BOTOCORE["partitions"].items() for region in regions.split()
}
# Elsewhere EC2 has another service principal, and neither public.ecr.aws nor the add-ons' registries are reachable.
SUPPORTED_PARTITIONS = ("aws", "aws-us-gov")
INSTANCE_SIZES: dict[str, frozenset[str]] = {
    family: word_set(sizes) for family, sizes in _BOTOCORE["instance_sizes"].items()
}

# The letters of the zones that an account may see, where they are not a, b and c.
_ZONE_LETTERS = {
    "ap-northeast-1": "abcd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
    "cn-north-1": "abd",
    "us-east-1": "abcdef",
    "us-west-2": "abcd",
}

# Add-ons that AWS itself publishes. Those of the marketplace are called `vendor_product` and are not listed here.
EKS_ADDONS = word_set(
    """
    adot amazon-cloudwatch-observability amazon-sagemaker-hyperpod-observability
    amazon-sagemaker-hyperpod-taskgovernance amazon-sagemaker-hyperpod-training-operator aws-ebs-csi-driver
    aws-efs-csi-driver aws-fsx-csi-driver aws-guardduty-agent aws-mountpoint-s3-csi-driver
    aws-network-flow-monitoring-agent aws-privateca-connector-for-kubernetes aws-secrets-store-csi-driver-provider
    cert-manager coredns eks-node-monitoring-agent eks-pod-identity-agent external-dns fluent-bit kube-proxy
    kube-state-metrics metrics-server prometheus-node-exporter snapshot-controller vpc-cni
    """
)

ACCESS_POLICIES = word_set(
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

_ACCESS_POLICY_ARN = re.compile(r"arn:[a-z-]+:eks::aws:cluster-access-policy/(.+)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_FAMILY = re.compile(r"^([a-z]+)\d+([a-z]*)")
_GPU = re.compile(r"^(g\d|gr\d|p\d)")
_NEURON = re.compile(r"^(inf|trn)\d")


def partition_of(region: str) -> str:
    """The partition of a region, such as `aws-us-gov`; `aws` for a region that botocore does not know."""
    return REGIONS.get(region, "aws")


def zones_of(region: str) -> tuple[str, ...]:
    """The zones of a region; empty for a region that botocore does not know."""
    return tuple(f"{region}{letter}" for letter in _ZONE_LETTERS.get(region, "abc") if region in REGIONS)


def may_be_new_name(name: str, known: Collection[str]) -> bool:
    """Whether AWS may have added a name to these since CATALOG_DATE: it is none of them, and no typo of one."""
    return name not in known and not is_misspelt(name, known) and _NAME.fullmatch(name) is not None


def may_be_new_version(version: str) -> bool:
    """Whether EKS may offer a Kubernetes version by now that it did not offer on CATALOG_DATE."""
    newest = max(int(known.removeprefix("1.")) for known in KUBERNETES_VERSIONS)
    return version in (f"1.{number}" for number in range(newest + 1, newest + 1 + _MINORS_TO_COME))


def access_policy_name(arn: str) -> str | None:
    """The name of an EKS access policy; None where the ARN is that of something else."""
    match = _ACCESS_POLICY_ARN.fullmatch(arn)
    return match and match[1]


def architecture_of(instance_type: str) -> Literal["x86_64", "arm64"]:
    """What the processor runs. AWS marks its own ARM processors with a `g` behind the family's number."""
    family = instance_type.split(".")[0]
    match = _FAMILY.match(family)
    arm = family in ("a1", "p6e-gb200") or (match is not None and "g" in match[2])
    return "arm64" if arm else "x86_64"


def accelerator_of(instance_type: str) -> Literal["none", "nvidia", "neuron"]:
    """Which driver the node's image must bring. `g4ad` has AMD chips, for which EKS has no image."""
    if instance_type.startswith("g4ad."):
        return "none"
    return "neuron" if _NEURON.match(instance_type) else "nvidia" if _GPU.match(instance_type) else "none"
