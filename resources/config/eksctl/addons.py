"""The EKS add-ons of a ClusterConfig, and which of them come by themselves."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from resources.config.aws_catalog import partition_of
from resources.config.eksctl.base import ConfigModel, PolicyDocument, later_field
from resources.config.eksctl.iam import PodRole
from resources.config.eksctl.labels import Tags
from resources.config.eksctl.well_known_policies import WellKnownPolicies
from resources.config.field_types import AddonName, Arn, YamlText
from resources.model.outputs import plain_document
from resources.support.yaml_limits import load_document, read_limits

DEFAULT_ADDONS = ("vpc-cni", "kube-proxy", "coredns", "metrics-server")
AUTO_MODE_DEFAULT_ADDONS = ("metrics-server",)
# Every add-on that the pipeline installs gets its AWS role through it, whatever the ClusterConfig lists.
POD_IDENTITY_AGENT = "eks-pod-identity-agent"
# Auto Mode runs these on the node itself; a second copy would fight with it.
AUTO_MODE_BUILT_IN = frozenset(
    {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "eks-node-monitoring-agent", "aws-ebs-csi-driver"}
)
# DaemonSets that nodes need to become ready: they come before the node groups; all others wait for a node.
DAEMON_ADDONS = frozenset({"vpc-cni", "kube-proxy", "eks-pod-identity-agent", "eks-node-monitoring-agent"})


class DefaultRole(NamedTuple):
    """The service account of an add-on that AWS recommends a role for, and the AWS managed policies of that role."""

    service_account: str
    policies: tuple[str, ...]


# What `useDefaultPodIdentityAssociations` gives (source: EKS user guide, "IAM roles for Amazon EKS add-ons").
DEFAULT_ROLES = {
    "vpc-cni": DefaultRole("aws-node", ("AmazonEKS_CNI_Policy",)),
    "aws-ebs-csi-driver": DefaultRole("ebs-csi-controller-sa", ("service-role/AmazonEBSCSIDriverPolicy",)),
    "aws-efs-csi-driver": DefaultRole("efs-csi-controller-sa", ("service-role/AmazonEFSCSIDriverPolicy",)),
    "aws-fsx-csi-driver": DefaultRole("fsx-csi-controller-sa", ("AmazonFSxFullAccess",)),
    "amazon-cloudwatch-observability": DefaultRole(
        "cloudwatch-agent", ("CloudWatchAgentServerPolicy", "AWSXrayWriteOnlyAccess")
    ),
}


# The account that an add-on's own policies are for (source: the add-ons' manifests).
_SERVICE_ACCOUNTS = {name: role.service_account for name, role in DEFAULT_ROLES.items()} | {
    "aws-mountpoint-s3-csi-driver": "s3-csi-driver-sa",
    "cert-manager": "cert-manager",
    "external-dns": "external-dns",
}


class Addon(ConfigModel):
    """An EKS add-on. `version`: None or `latest` is the default version of AWS for the cluster's Kubernetes version.
    `configuration` is `configuration_values`, read."""

    name: AddonName
    version: str | None = Field(
        default=None,
        pattern=r"^(latest|v?\d+\.\d+\.\d+.*)$",
        description='"latest" or a version such as v1.20.0-eksbuild.1',
    )
    configuration_values: YamlText | None = None
    service_account_role_arn: Arn | None = Field(default=None, alias="serviceAccountRoleARN")
    pod_identity_associations: tuple[PodRole, ...] = ()
    use_default_pod_identity_associations: bool = False
    resolve_conflicts: Literal["none", "overwrite", "preserve"] = "overwrite"
    tags: Tags = Field(default={})
    attach_policy_arns: tuple[Arn, ...] = later_field(())
    attach_policy: PolicyDocument | None = later_field(None)
    well_known_policies: WellKnownPolicies = later_field(WellKnownPolicies())
    # Set by the loader, for the plan: the units that the add-on or its role was added for.
    added_for: SkipJsonSchema[str | None] = later_field(None)

    @property
    def has_role(self) -> bool:
        """Whether the file says which role the add-on gets."""
        named = self.service_account_role_arn or self.pod_identity_associations
        return bool(named or self.use_default_pod_identity_associations or self._policies)

    @property
    def associations(self) -> tuple[PodRole, ...]:
        """The roles of its service accounts, that of its own policies included."""
        if not self._policies:
            return self.pod_identity_associations
        role = {
            "serviceAccountName": _SERVICE_ACCOUNTS[self.name],
            "permissionPolicyARNs": self.attach_policy_arns,
            "permissionPolicy": self.attach_policy,
            "wellKnownPolicies": self.well_known_policies,
        }
        return (PodRole.model_validate(role),)

    @property
    def _policies(self) -> bool:
        return bool(self.attach_policy_arns or self.attach_policy or self.well_known_policies.enabled())

    @property
    def configuration(self) -> dict[str, Any]:
        """The add-on's settings; empty where the file gives none."""
        if not self.configuration_values:
            return {}
        settings: dict[str, Any] = plain_document(load_document(self.configuration_values, read_limits()))
        return settings

    @model_validator(mode="after")
    def _one_way_to_get_permissions(self) -> Self:
        ways = {
            "serviceAccountRoleARN": self.service_account_role_arn,
            "podIdentityAssociations": self.pod_identity_associations,
            "useDefaultPodIdentityAssociations": self.use_default_pod_identity_associations,
            "policies": self._policies,
        }
        used = [name for name, value in ways.items() if value]
        if len(used) > 1:
            raise ValueError(f"has {' and '.join(used)}; allowed: one way to get permissions")
        if any(association.create_service_account for association in self.pod_identity_associations):
            raise ValueError("has createServiceAccount; allowed: without it, as the add-on brings the service account")
        if self._policies and self.name not in _SERVICE_ACCOUNTS:
            raise ValueError(
                f"{self.name} has policies, and nobody knows its service account; allowed: podIdentityAssociations "
                f"with serviceAccountName, or these of {', '.join(sorted(_SERVICE_ACCOUNTS))}"
            )
        if self.use_default_pod_identity_associations and self.name not in DEFAULT_ROLES:
            raise ValueError(
                f"{self.name} has no default permissions; allowed: podIdentityAssociations, or for "
                f"{', '.join(sorted(DEFAULT_ROLES))} useDefaultPodIdentityAssociations"
            )
        return self


class AddonsConfig(ConfigModel):
    """`disable_default_addons`: only the add-ons that are listed, and the pod identity agent.
    `auto_apply_pod_identity_associations`: every add-on that AWS recommends a role for gets it, unless the
    ClusterConfig gives it another one."""

    disable_default_addons: bool = False
    auto_apply_pod_identity_associations: bool = False


def with_defaults(declared: tuple[Addon, ...], config: AddonsConfig, auto_mode: bool, region: str) -> tuple[Addon, ...]:
    """The declared add-ons and those that come by themselves, with the roles that AWS recommends where the config
    asks for them, and without what Auto Mode already runs."""
    defaults = AUTO_MODE_DEFAULT_ADDONS if auto_mode else DEFAULT_ADDONS
    names = {addon.name for addon in declared}
    # AWS does not publish metrics-server as an add-on outside its commercial regions.
    missing = [
        name for name in defaults if name not in names and (name != "metrics-server" or partition_of(region) == "aws")
    ]
    if config.disable_default_addons:
        missing = []
    if POD_IDENTITY_AGENT not in names:
        missing.append(POD_IDENTITY_AGENT)
    addons = (*declared, *(Addon(name=name) for name in missing))
    if config.auto_apply_pod_identity_associations:
        addons = tuple(_with_default_role(addon) for addon in addons)
    return tuple(a for a in addons if not (auto_mode and a.name in AUTO_MODE_BUILT_IN))


def _with_default_role(addon: Addon) -> Addon:
    if addon.name not in DEFAULT_ROLES or addon.has_role:
        return addon
    return addon.model_copy(update={"use_default_pod_identity_associations": True})
