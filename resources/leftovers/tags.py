"""The tags by which AWS and the controllers of a cluster say for which cluster they made something: pure.

Source: EKS user guide, "Cluster security group"; AWS Load Balancer Controller, "Tags"; Karpenter, "Instance tags"; EBS
CSI driver, "Tagging"; VPC CNI plugin, "CLUSTER_NAME".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Tag -> its values (none: any), for one cluster. `{cluster}` stands for its name.
CLUSTER_TAGS: Mapping[str, tuple[str, ...]] = {
    "aws:eks:cluster-name": ("{cluster}",),
    "elbv2.k8s.aws/cluster": ("{cluster}",),
    "eks:eks-cluster-name": ("{cluster}",),
    "karpenter.k8s.aws/cluster": ("{cluster}",),
    "karpenter.sh/managed-by": ("{cluster}",),
    "cluster.k8s.amazonaws.com/name": ("{cluster}",),
    "alpha.eksctl.io/cluster-name": ("{cluster}",),
    "kubernetes.io/cluster/{cluster}": ("owned",),
}
# What a managed node group's instances carry: they go with the node group.
OF_NODE_GROUPS = ("eks:nodegroup-name", "aws:autoscaling:groupName")


def tag_map(resource: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an answer of EC2, load balancing or IAM."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or resource.get("TagSet") or ()}


def owning_tag(tags: Mapping[str, str], cluster: str) -> str:
    """The tag, `key=value`, that says that something was made for the cluster; empty where none does."""
    for key, values in CLUSTER_TAGS.items():
        name = key.format(cluster=cluster)
        if tags.get(name) in {value.format(cluster=cluster) for value in values}:
            return f"{name}={tags[name]}"
    return ""


def is_of_cluster(tags: Mapping[str, str], cluster: str) -> bool:
    """Whether something was made for the cluster."""
    return bool(owning_tag(tags, cluster))
