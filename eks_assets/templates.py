"""The pieces that units build their templates from: those of every template, and trust in the cluster's pods."""

from __future__ import annotations

from resources.environment import Environment
from resources.templates import (
    Document,
    add_outputs,
    add_private_bucket,
    allow,
    arn,
    aws_policy,
    boundary,
    deny,
    list_parameter,
    policy_document,
    role,
    service_trust,
    stack_tags,
    text_parameter,
    trust,
)

__all__ = [
    "Document",
    "add_outputs",
    "add_private_bucket",
    "allow",
    "arn",
    "aws_policy",
    "boundary",
    "cluster_arn",
    "cluster_tags",
    "deny",
    "list_parameter",
    "pod_identity_trust",
    "policy_document",
    "role",
    "service_trust",
    "stack_tags",
    "text_parameter",
    "trust",
]


def pod_identity_trust(env: Environment) -> Document:
    """Trust in EKS Pod Identity, for pods of the environment's cluster alone.

    Source: EKS user guide, "Set up pod identity agent: trust policy"; the session tags name namespace and account.
    """
    return trust(
        {"Service": "pods.eks.amazonaws.com"},
        "sts:AssumeRole",
        "sts:TagSession",
        StringEquals={"aws:SourceAccount": env.account},
        ArnEquals={"aws:SourceArn": cluster_arn(env)},
    )


def cluster_tags(env: Environment) -> dict[str, str]:
    """Tags of the stacks that serve this cluster alone: the ClusterConfig's `metadata.tags`, and those of every stack.

    Not on the network's stacks: the tag `karpenter.sh/discovery` there would hand Karpenter public subnets too."""
    return {**env.cluster.metadata.tags, **stack_tags(env)}


def cluster_arn(env: Environment) -> str:
    return arn(env, "eks", f"cluster/{env.cluster_name}")
