"""The parts of a ClusterConfig that say who may do what: roles of service accounts, and access to the cluster."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from resources.config.eksctl.base import ConfigModel, PolicyDocument, later_field
from resources.config.eksctl.labels import LabelKey, Labels, Tags
from resources.config.eksctl.well_known_policies import AccountPolicies, WellKnownPolicies
from resources.config.field_types import AccessPolicyArn, Arn, KubernetesName, PolicyArn, RoleArn

CLUSTER_ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
NODE_GROUPS = frozenset({"system:bootstrappers", "system:nodes"})
# The further groups by which aws-auth told other nodes from those of EC2 with Linux.
_NODE_KINDS = {"eks:kube-proxy-windows": "EC2_WINDOWS", "system:node-proxier": "FARGATE_LINUX"}
RoleName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_+=,.@-]{1,64}$",
        description="an IAM role name: at most 64 of letters, digits and +=,.@_-",
    ),
]


def _sso_role_with_its_path(arn: str) -> str:
    head, _, role = arn.partition(":role/")
    if role.startswith("AWSReservedSSO_"):
        # The aws-auth ConfigMap wanted no path, access entries want the role's own ARN.
        raise ValueError(
            f"{arn} lacks the role's path; allowed: {head}:role/{_SSO_PATH}[REGION/]{role} "
            f"(aws iam get-role --role-name {role} shows it)"
        )
    return arn


_SSO_PATH = "aws-reserved/sso.amazonaws.com/"
PrincipalArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$",
        description="the ARN of an IAM role or user, such as arn:aws:iam::111122223333:role/developers",
    ),
    AfterValidator(_sso_role_with_its_path),
]


class ServiceAccountName(ConfigModel):
    """Which service account. Labels and annotations are given to it where it is created."""

    name: KubernetesName
    namespace: KubernetesName = "default"
    labels: Labels = Field(default={})
    annotations: dict[LabelKey, str] = Field(default={})


class ServiceAccount(ConfigModel):
    """A role for a service account, trusted through the cluster's OIDC provider. `role_only`: somebody else, such as
    a Helm chart, creates the service account. `attach_role_arn`: a role that exists, for a service account of ours."""

    metadata: ServiceAccountName
    attach_policy_arns: tuple[Arn, ...] = ()
    attach_policy: PolicyDocument | None = None
    attach_role_arn: Arn | None = None
    well_known_policies: AccountPolicies = AccountPolicies()
    permissions_boundary: PolicyArn | None = None
    role_name: RoleName | None = None
    role_only: bool = False
    tags: Tags = Field(default={})

    @model_validator(mode="after")
    def _one_source_of_permissions(self) -> Self:
        granted = self.attach_policy_arns or self.attach_policy or self.well_known_policies.enabled()
        if self.attach_role_arn and (granted or self.role_name or self.permissions_boundary or self.role_only):
            raise ValueError(
                "has attachRoleARN and what only a new role has; allowed: the ARN of a role that exists alone, or a "
                "new role without attachRoleARN"
            )
        if not self.attach_role_arn and not granted:
            raise ValueError(
                "gives no permissions; allowed: attachPolicyARNs, attachPolicy, wellKnownPolicies or attachRoleARN"
            )
        return self

    @model_validator(mode="after")
    def _metadata_is_used(self) -> Self:
        if self.role_only and (self.metadata.labels or self.metadata.annotations):
            raise ValueError(
                "has roleOnly, and labels or annotations; allowed: labels and annotations where the pipeline makes "
                "the service account (without roleOnly)"
            )
        return self


class PodRole(ConfigModel):
    """A role for a service account, handed out by the pod identity agent. `create_service_account`: nobody else does,
    such as a Helm chart. `role_arn`: one that exists; else a role named `role_name` is created with the policies."""

    service_account_name: KubernetesName
    create_service_account: bool = False
    role_arn: Arn | None = None
    role_name: RoleName | None = None
    permission_policy_arns: tuple[Arn, ...] = Field(default=(), alias="permissionPolicyARNs")
    permission_policy: PolicyDocument | None = None
    permissions_boundary_arn: PolicyArn | None = None
    well_known_policies: WellKnownPolicies = WellKnownPolicies()
    tags: Tags = Field(default={})

    @property
    def _policies(self) -> object:
        return self.permission_policy_arns or self.permission_policy or self.well_known_policies.enabled()

    @property
    def _granted(self) -> object:
        return self._policies

    @model_validator(mode="after")
    def _one_source_of_permissions(self) -> Self:
        if self.role_arn and (self._policies or self.role_name):
            raise ValueError(
                "has roleARN and policies or roleName; allowed: the ARN of a role that exists, or a new role"
            )
        if not self.role_arn and not self._granted:
            raise ValueError(
                "gives no permissions; allowed: roleARN, permissionPolicyARNs, permissionPolicy or wellKnownPolicies"
            )
        return self


class PodIdentityAssociation(PodRole):
    """The role of a service account in a namespace."""

    namespace: KubernetesName
    well_known_policies: AccountPolicies = AccountPolicies()
    target_role_arn: RoleArn | None = later_field(None)
    disable_session_tags: bool = later_field(False)

    @property
    def _granted(self) -> object:
        # A role that is made for it may then assume the other one, if nothing else.
        return super()._granted or self.target_role_arn


class ClusterIam(ConfigModel):
    """`with_oidc`: create the IAM OIDC provider that service account roles trust."""

    with_oidc: bool = False
    service_accounts: tuple[ServiceAccount, ...] = ()
    pod_identity_associations: tuple[PodIdentityAssociation, ...] = ()

    @field_validator("service_accounts")
    @classmethod
    def _accounts_of_its_own(cls, value: tuple[ServiceAccount, ...]) -> tuple[ServiceAccount, ...]:
        """Without the one whose role a unit makes."""
        return tuple(
            account
            for account in value
            if not account.well_known_policies.belongs_to_a_unit(
                account.metadata.namespace,
                account.metadata.name,
                account.attach_policy_arns or account.attach_policy or account.role_name,
            )
        )

    @field_validator("pod_identity_associations")
    @classmethod
    def _associations_of_its_own(cls, value: tuple[PodIdentityAssociation, ...]) -> tuple[PodIdentityAssociation, ...]:
        """Without the one that a unit makes."""
        return tuple(
            role
            for role in value
            if not role.well_known_policies.belongs_to_a_unit(
                role.namespace,
                role.service_account_name,
                role.permission_policy_arns or role.permission_policy or role.role_name or role.target_role_arn,
            )
        )

    @model_validator(mode="after")
    def _roles_need_the_provider(self) -> Self:
        if self.service_accounts and not self.with_oidc:
            raise ValueError(
                "has serviceAccounts but not withOIDC; allowed: withOIDC: true, or podIdentityAssociations"
            )
        return self


class AccessScope(ConfigModel):
    """Where a policy holds: the whole cluster, or some namespaces (a trailing * is allowed in their names)."""

    type: Literal["cluster", "namespace"]
    namespaces: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _namespaces_fit_the_type(self) -> Self:
        if (self.type == "namespace") != bool(self.namespaces):
            raise ValueError("allowed: type: cluster without namespaces, or type: namespace with namespaces")
        return self


class AccessPolicy(ConfigModel):
    """An EKS access policy and where it holds."""

    policy_arn: AccessPolicyArn
    access_scope: AccessScope


class AccessEntry(ConfigModel):
    """What an IAM role or user may do in Kubernetes."""

    principal_arn: PrincipalArn
    type: Literal["STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX"] = "STANDARD"
    kubernetes_groups: tuple[str, ...] = ()
    kubernetes_username: str | None = None
    access_policies: tuple[AccessPolicy, ...] = ()

    @model_validator(mode="after")
    def _eks_accepts_it(self) -> Self:
        if self.type not in ("STANDARD", "EC2") and (self.kubernetes_groups or self.kubernetes_username):
            raise ValueError(f"type {self.type} has neither kubernetesGroups nor kubernetesUsername; EKS sets them")
        if self.type not in ("STANDARD", "EC2") and self.access_policies:
            raise ValueError(f"type {self.type} has no accessPolicies; EKS grants such an entry what nodes need")
        refused = [group for group in self.kubernetes_groups if group.startswith("system:")]
        if refused:
            raise ValueError(
                f"EKS refuses the group {refused[0]}; allowed: an access policy, such as AmazonEKSClusterAdminPolicy, "
                "or a group of your own with a RoleBinding"
            )
        if (self.kubernetes_username or "").startswith("system:"):
            raise ValueError(f"EKS refuses the user name {self.kubernetes_username}; allowed: one without system:")
        return self


class AccessConfig(ConfigModel):
    """How IAM identities get in. The aws-auth ConfigMap is not managed. `bootstrap_cluster_creator_admin_permissions`
    says nothing more: whoever deploys has an access entry as administrator, and nobody a hidden one."""

    authentication_mode: Literal["API", "API_AND_CONFIG_MAP"] = "API"
    bootstrap_cluster_creator_admin_permissions: bool = False
    access_entries: tuple[AccessEntry, ...] = ()


class IdentityMapping(ConfigModel):
    """The aws-auth way of saying what an access entry says; becomes one. `username` is kept where EKS allows it."""

    arn: PrincipalArn
    username: str | None = None
    groups: tuple[str, ...] = ()
    no_duplicate_arns: bool = True

    @model_validator(mode="after")
    def _has_an_equivalent(self) -> Self:
        self.access_entry()
        return self

    def access_entry(self) -> AccessEntry:
        """The access entry that says the same. Raises ValueError where there is none."""
        groups = set(self.groups)
        entry: dict[str, object] = {"principalARN": self.arn}
        if groups >= NODE_GROUPS:
            kinds = [kind for group, kind in _NODE_KINDS.items() if group in groups]
            return AccessEntry.model_validate(entry | {"type": next(iter(kinds), "EC2_LINUX")})
        if "system:masters" in groups:
            scope = {"policyARN": CLUSTER_ADMIN_POLICY, "accessScope": {"type": "cluster"}}
            entry["accessPolicies"] = [scope]
        rest = sorted(groups - {"system:masters"})
        refused = [group for group in rest if group.startswith("system:")]
        if refused:
            raise ValueError(
                f"group {refused[0]} has no access entry; allowed: system:masters, system:bootstrappers with "
                "system:nodes, or a group of your own with a RoleBinding"
            )
        entry |= {"kubernetesGroups": rest}
        if self.username and not self.username.startswith("system:"):
            entry["kubernetesUsername"] = self.username
        return AccessEntry.model_validate(entry)
