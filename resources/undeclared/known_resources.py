"""Resources of AWS that nobody declares and that are no finding, as data with a reason each: who makes them by itself.

By tags that a controller or AWS puts on what it makes. `{cluster}` stands for the name of the environment's cluster.
Tags that begin with `aws:` are written by AWS alone; others can be set by a person too, whom CloudTrail tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Tag -> its values, empty for any, and who makes what carries it.
KNOWN_TAGS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("aws:eks:cluster-name", ("{cluster}",), "EKS makes the cluster's security group"),
    ("eks:cluster-name", ("{cluster}",), "a managed node group makes its nodes and their group"),
    ("eks:eks-cluster-name", ("{cluster}",), "Karpenter makes nodes and their launch templates"),
    ("karpenter.sh/nodepool", (), "Karpenter makes nodes"),
    ("elbv2.k8s.aws/cluster", ("{cluster}",), "the load balancer controller makes them of Services and Ingresses"),
    ("kubernetes.io/cluster/{cluster}", ("owned",), "controllers in the cluster make them"),
    ("ebs.csi.aws.com/cluster", ("true",), "the EBS CSI driver makes volumes of claims"),
    ("efs.csi.aws.com/cluster", ("true",), "the EFS CSI driver makes access points of claims"),
    ("cluster.k8s.amazonaws.com/name", ("{cluster}",), "the VPC CNI plugin makes network interfaces"),
    ("AWSServiceName", (), "an AWS service keeps it for another resource"),
)


def known_reason(tags: Mapping[str, str], cluster: str) -> str:
    """Who makes resources with these tags by itself; empty where nobody is known to."""
    for key, values, reason in KNOWN_TAGS:
        value = tags.get(key.format(cluster=cluster))
        if value is not None and (not values or value in {v.format(cluster=cluster) for v in values}):
            return reason
    return ""


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an answer of EC2, load balancing or the tagging API."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or resource.get("TagSet") or ()}
