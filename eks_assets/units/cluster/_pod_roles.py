"""Roles that a ClusterConfig asks for on behalf of service accounts; shared by the units that hand them out."""

from __future__ import annotations

import hashlib
from typing import Any

from troposphere import Tags
from troposphere.iam import Policy, Role

from resources.cloudformation import Document, allow, boundary_arn, pod_identity_trust, policy_document
from resources.config.eksctl.iam import PodRole, ServiceAccount
from resources.config.eksctl.well_known_policies import WellKnownPolicies, inline_policy, managed_policies
from resources.config.environment import Environment


def short_digest(text: str) -> str:
    """What tells logical ids apart: short, and made of what CloudFormation allows in them."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def pod_role(env: Environment, title: str, wanted: PodRole) -> Role:
    """The role of a pod identity association that names none that exists."""
    return _role(
        env,
        title,
        pod_identity_trust(env),
        managed=wanted.permission_policy_arns,
        inline=wanted.permission_policy,
        target=getattr(wanted, "target_role_arn", None),
        well_known=wanted.well_known_policies,
        name=wanted.role_name,
        permissions_boundary=wanted.permissions_boundary_arn,
        tags=wanted.tags,
    )


def service_account_role(env: Environment, title: str, name: str, trusts: Document, account: ServiceAccount) -> Role:
    """The role of a service account (IRSA), under a name that is known before the role exists."""
    return _role(
        env,
        title,
        trusts,
        managed=account.attach_policy_arns,
        inline=account.attach_policy,
        well_known=account.well_known_policies,
        name=name,
        permissions_boundary=account.permissions_boundary,
        tags=account.tags,
    )


def _role(
    env: Environment,
    title: str,
    trusts: Document,
    *,
    managed: tuple[str, ...],
    inline: Document | None,
    target: str | None = None,
    well_known: WellKnownPolicies,
    name: str | None,
    permissions_boundary: str | None,
    tags: dict[str, str],
) -> Role:
    documents = {
        "permissions": inline,
        "well-known": inline_policy(well_known, env.partition),
        # The agent assumes it on behalf of the pod, with session tags.
        "target": policy_document(allow(["sts:AssumeRole", "sts:TagSession"], target)) if target else None,
    }
    optional: dict[str, Any] = {
        "RoleName": name,
        "PermissionsBoundary": permissions_boundary or boundary_arn(env),
        "ManagedPolicyArns": [*managed, *managed_policies(well_known, env.partition)],
        "Policies": [
            Policy(PolicyName=key, PolicyDocument=document) for key, document in documents.items() if document
        ],
        "Tags": Tags(tags) if tags else None,
    }
    return Role(title, AssumeRolePolicyDocument=trusts, **{key: value for key, value in optional.items() if value})
