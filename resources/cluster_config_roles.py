"""The IAM roles that a ClusterConfig names: those that exist and are handed to AWS, and those made under its names."""

from __future__ import annotations

import re

from resources.cluster_config import ClusterConfig
from resources.cluster_config_iam import PodRole

# Only what can be a role's ARN: in a policy a * would stand for every role.
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+")


def existing_roles(config: ClusterConfig) -> tuple[str, ...]:
    """The ARNs, sorted, of roles that exist and that CloudFormation passes to nodes, pods and add-ons."""
    named = [
        *(group.iam.instance_role_arn for group in config.node_groups),
        *(addon.service_account_role_arn for addon in config.addons),
        *(profile.pod_execution_role_arn for profile in config.fargate_profiles),
        *(found.role_arn for found in _pod_roles(config)),
        config.auto_mode_config.node_role_arn,
    ]
    return tuple(sorted({arn for arn in named if arn and _ROLE_ARN.fullmatch(arn)}))


def new_role_names(config: ClusterConfig) -> tuple[str, ...]:
    """The names, sorted, that the ClusterConfig itself gives to roles which are made for it."""
    of_pods = [found.role_name for found in _pod_roles(config)]
    of_accounts = [found.role_name for found in config.iam.service_accounts]
    return tuple(sorted({name for name in (*of_pods, *of_accounts) if name}))


def _pod_roles(config: ClusterConfig) -> list[PodRole]:
    of_addons = [found for addon in config.addons for found in addon.pod_identity_associations]
    return [*config.iam.pod_identity_associations, *of_addons]
