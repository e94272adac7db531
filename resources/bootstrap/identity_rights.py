"""What CloudFormation may do with roles, their policies and OIDC providers while it makes the environment's stacks."""

from __future__ import annotations

from fnmatch import fnmatchcase

from resources.bootstrap.ownership import (
    bootstrap_roles,
    carries_tag,
    generated_names,
    own_policies,
    own_roles,
    sets_tag,
)
from resources.cloudformation import Document, allow, bootstrap_boundary_arn, boundary_arn, build_arn, deny
from resources.config.environment import Environment
from resources.config.names import approver_policy

# The ARN of each stands in up to five statements of a managed policy.
_ROLES_A_POLICY = 8
_READ_ACTIONS = """
    GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies ListRoleTags
"""
_CHANGE_ACTIONS = """
    DeleteRole DeleteRolePolicy DetachRolePolicy TagRole UntagRole UpdateAssumeRolePolicy UpdateRole
    UpdateRoleDescription
"""
_EMPOWERING_ACTIONS = "AttachRolePolicy PutRolePermissionsBoundary PutRolePolicy"
_CHANGING_ACTIONS = "Attach* Create* Delete* Detach* PassRole Put* Set* Tag* Untag* Update*"
_PASSED_TO = ("capabilities.eks", "ec2", "eks", "eks-fargate-pods", "pods.eks", "vpc-flow-logs")
_LINKED_SERVICES = ("backup", "eks", "eks-fargate", "eks-nodegroup", "elasticfilesystem", "autoscaling", "spot")


def identity_rights(env: Environment) -> dict[str, list[Document]]:
    """Statements by the logical id of the managed policy that holds them."""
    roles = own_roles(env)
    return {
        "IdentityStackRights": [
            *_policies(env),
            _profiles(env),
            *_providers(env),
            *_linked_roles(env),
            _out_of_reach(env),
        ],
        "RoleStackRights": [*_making_roles(env, roles), _reading_roles(roles), _passing_roles(roles)],
        **_cluster_role_rights(env),
    }


def _verbs(names: str) -> list[str]:
    return [f"iam:{name}" for name in names.split()]


def _making_roles(env: Environment, roles: list[str]) -> list[Document]:
    """A role is made with the tag, and changed where it has it; both under the boundary where that gives it rights."""
    under = {"iam:PermissionsBoundary": list(dict.fromkeys([boundary_arn(env), *env.cluster.boundaries]))}
    return [
        allow(_verbs("CreateRole"), roles, StringEquals={**under, **sets_tag(env)}),
        allow(_verbs("TagRole"), roles, StringEquals=sets_tag(env)),
        allow(_verbs(_CHANGE_ACTIONS), roles, StringEquals=carries_tag(env)),
        allow(_verbs(_EMPOWERING_ACTIONS), roles, StringEquals=under),
    ]


def _reading_roles(roles: list[str]) -> Document:
    return allow(_verbs(_READ_ACTIONS), roles)


def _passing_roles(roles: list[str]) -> Document:
    # By names alone: IAM's tag conditions are not reliable for PassRole (IAM user guide, "Tagging IAM resources").
    services = [f"{service}.amazonaws.com" for service in _PASSED_TO]
    return allow(["iam:PassRole"], roles, StringEquals={"iam:PassedToService": services})


def _policies(env: Environment) -> list[Document]:
    verbs = "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy* List* TagPolicy UntagPolicy"
    return [allow(_verbs(verbs), own_policies(env))]


def _profiles(env: Environment) -> Document:
    """The cluster's instance profile in auto mode."""
    profile = build_arn(env, "iam", f"instance-profile/{generated_names(env.stack_name('cluster'))}", region="")
    verbs = "AddRoleTo* CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile RemoveRole* TagInstanceProfile"
    return allow(_verbs(verbs), profile)


def _providers(env: Environment) -> list[Document]:
    providers = build_arn(env, "iam", f"oidc-provider/oidc.eks.{env.region}.*", region="")
    make = "CreateOpenIDConnectProvider TagOpenIDConnectProvider"
    change = """
        AddClientIDToOpenIDConnectProvider DeleteOpenIDConnectProvider RemoveClientIDFromOpenIDConnectProvider
        TagOpenIDConnectProvider UntagOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint
    """
    return [
        allow(_verbs(make), providers, StringEquals=sets_tag(env)),
        allow(_verbs(change), providers, StringEquals=carries_tag(env)),
        allow(_verbs("GetOpenIDConnectProvider ListOpenIDConnectProvider*"), providers),
    ]


def _linked_roles(env: Environment) -> list[Document]:
    roles = build_arn(env, "iam", "role/aws-service-role/*", region="")
    linked = [f"{service}.amazonaws.com" for service in _LINKED_SERVICES]
    return [
        allow(_verbs("CreateServiceLinkedRole"), roles, StringEquals={"iam:AWSServiceName": linked}),
        # EKS asks with the caller's rights whether the role exists.
        allow(_verbs("GetRole"), roles),
    ]


def _out_of_reach(env: Environment) -> Document:
    """What gives the pipeline its own rights, and approvers theirs: a stack must not change it."""
    rights = f"policy/{generated_names(env.stack_name('bootstrap'))}"
    policies = [build_arn(env, "iam", name, region="") for name in (rights, f"policy/{approver_policy(env)}")]
    boundaries = {boundary_arn(env), bootstrap_boundary_arn(env), *env.cluster.boundaries}
    return deny(_verbs(_CHANGING_ACTIONS), [*bootstrap_roles(env), *policies, *sorted(boundaries)])


def _cluster_role_rights(env: Environment) -> dict[str, list[Document]]:
    """Rights on roles that the ClusterConfig names outside the environment's own names: exactly those, in policies of
    as many as fit. What the pipeline's own roles are denied (`_out_of_reach`) stays denied."""
    made = {build_arn(env, "iam", f"role/{name}", region="") for name in env.cluster.new_role_names}
    own = own_roles(env)
    others = [role for role in sorted({*made, *env.cluster.existing_roles}) if not _matches(role, own)]
    policies = {}
    for start in range(0, len(others), _ROLES_A_POLICY):
        roles = others[start : start + _ROLES_A_POLICY]
        new = [role for role in roles if role in made]
        policies[f"ClusterRoles{start // _ROLES_A_POLICY + 1}StackRights"] = [
            _passing_roles(roles),
            # EKS looks into a role with the rights of whoever hands it over.
            _reading_roles(roles),
            *(_making_roles(env, new) if new else []),
        ]
    return policies


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
