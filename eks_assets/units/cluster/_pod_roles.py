"""Roles that a ClusterConfig asks for on behalf of service accounts; shared by the units that hand them out."""

from __future__ import annotations

import hashlib
from typing import Any

from troposphere import Tags
from troposphere.iam import Policy, Role

from resources.cloudformation import Document, boundary, pod_identity_trust
from resources.config.eksctl.iam import PodRole, ServiceAccount, WellKnownPolicies
from resources.config.eksctl.well_known_policies import inline_policy, managed_policies
from resources.config.environment import Environment


def digest(text: str) -> str:
    """What tells logical ids apart: short, and made of what CloudFormation allows in them."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def pod_role(env: Environment, title: str, found: PodRole) -> Role:
    """The role of a pod identity association that names none that exists."""
    return _role(
        env,
        title,
        pod_identity_trust(env),
        managed=found.permission_policy_arns,
        inline=found.permission_policy,
        well_known=found.well_known_policies,
        name=found.role_name,
        permissions_boundary=found.permissions_boundary_arn,
        tags=found.tags,
    )


def service_account_role(env: Environment, title: str, name: str, trusts: Document, found: ServiceAccount) -> Role:
    """The role of a service account (IRSA), under a name that others can tell beforehand."""
    return _role(
        env,
        title,
        trusts,
        managed=found.attach_policy_arns,
        inline=found.attach_policy,
        well_known=found.well_known_policies,
        name=name,
        permissions_boundary=found.permissions_boundary,
        tags=found.tags,
    )


def _role(
    env: Environment,
    title: str,
    trusts: Document,
    *,
    managed: tuple[str, ...],
    inline: Document | None,
    well_known: WellKnownPolicies,
    name: str | None,
    permissions_boundary: str | None,
    tags: dict[str, str],
) -> Role:
    documents = {"permissions": inline, "well-known": inline_policy(well_known, env.partition)}
    optional: dict[str, Any] = {
        "RoleName": name,
        "PermissionsBoundary": permissions_boundary or boundary(env).get("PermissionsBoundary"),
        "ManagedPolicyArns": [*managed, *managed_policies(well_known, env.partition)],
        "Policies": [
            Policy(PolicyName=key, PolicyDocument=document) for key, document in documents.items() if document
        ],
        "Tags": Tags(tags) if tags else None,
    }
    return Role(title, AssumeRolePolicyDocument=trusts, **{key: value for key, value in optional.items() if value})
