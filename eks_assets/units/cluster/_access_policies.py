"""EKS access policies as CloudFormation has them; shared by the units that hand them out."""

from __future__ import annotations

from collections.abc import Iterable

from troposphere import eks

from resources.config.eksctl.iam import AccessPolicy
from resources.config.environment import Environment


def access_policies(env: Environment, policies: Iterable[AccessPolicy]) -> list[eks.AccessPolicy]:
    """The policies of an access entry, of the environment's partition, each with its scope."""
    return [
        eks.AccessPolicy(
            PolicyArn=f"arn:{env.partition}:{policy.policy_arn.split(':', 2)[2]}",
            AccessScope=eks.AccessScope(
                Type=policy.access_scope.type,
                **({"Namespaces": list(policy.access_scope.namespaces)} if policy.access_scope.namespaces else {}),
            ),
        )
        for policy in policies
    ]
