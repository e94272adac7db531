"""An eksctl ClusterConfig, as far as CloudFormation can carry it out.

Keys and meanings are eksctl's (`eksctl.io/v1alpha5`). What is not supported is refused with its path and the way to
go instead (`resources/config/eksctl/unsupported.py`); nothing is accepted and then ignored.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from resources.config.eksctl.addons import (
    DAEMON_ADDONS,
    Addon,
    AddonsConfig,
    with_defaults,
)
from resources.config.eksctl.base import ConfigModel, later_field
from resources.config.eksctl.capabilities import Capability
from resources.config.eksctl.control_plane import (
    ApiServerConfig,
    ControllerManagerConfig,
    ControlPlaneScaling,
    SchedulerConfig,
    SecretsEncryption,
    UpgradePolicy,
    ZonalShiftConfig,
)
from resources.config.eksctl.iam import (
    AccessConfig,
    AccessEntry,
    ClusterIam,
    IdentityMapping,
    PodIdentityAssociation,
    PodRole,
)
from resources.config.eksctl.identity_providers import IdentityProvider
from resources.config.eksctl.labels import Tags
from resources.config.eksctl.node_policies import with_node_policies
from resources.config.eksctl.nodes import (
    AutoModeConfig,
    FargateProfile,
    ManagedNodeGroup,
)
from resources.config.eksctl.remote_networks import RemoteNetworkConfig
from resources.config.eksctl.vpc import KubernetesNetworkConfig, Vpc

LogType = Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]
# Only what can be a role's ARN: in a policy a * would stand for every role.
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+")
LOG_TYPES: tuple[LogType, ...] = ("api", "audit", "authenticator", "controllerManager", "scheduler")


class RollbackConfig(ConfigModel):
    """How many minutes a rollback of the cluster's version may take; None: AWS's 12 hours."""

    timeout_minutes: int | None = Field(default=None, ge=120, le=10080, description="minutes, from 2 hours to 7 days")


class Metadata(ConfigModel):
    """Which cluster. Name, region and version (None: the environment's) agree with the environment. `tags` go to
    everything that is made for this cluster alone (the wave `cluster`)."""

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$", description="at most 100 letters, digits, - and _")
    region: str
    version: str | None = None
    tags: Tags = Field(default={})
    rollback_config: RollbackConfig = RollbackConfig()
    # Notes for people; eksctl makes nothing of them either.
    annotations: dict[str, str] = later_field({})


class Karpenter(ConfigModel):
    """What the pipeline installs anyway, said in words: the version is the environment's `karpenter_version`, its
    service account and its queue are always made."""

    version: str = Field(pattern=r"^v?\d+\.\d+\.\d+$")
    create_service_account: Literal[True]
    with_spot_interruption_queue: Literal[True]


class ClusterLogging(ConfigModel):
    """Which logs of the control plane go to CloudWatch, and for how many days they are kept."""

    enable_types: tuple[Literal[LogType, "all", "*"], ...] = ()
    log_retention_in_days: (
        Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
        | None
    ) = None

    @property
    def types(self) -> tuple[LogType, ...]:
        """The logs by name, `all` and `*` spelled out."""
        every = "all" in self.enable_types or "*" in self.enable_types
        return tuple(name for name in LOG_TYPES if every or name in self.enable_types)


class CloudWatch(ConfigModel):
    cluster_logging: ClusterLogging = ClusterLogging()


class ClusterConfig(ConfigModel):
    """A cluster: control plane, nodes, EKS add-ons, and who may do what. Defaults that eksctl adds are in the
    properties (`addons`, `node_groups`, `access_entries`), what the file says is in the fields."""

    api_version: Literal["eksctl.io/v1alpha5"]
    kind: Literal["ClusterConfig"]
    metadata: Metadata
    vpc: Vpc = Vpc()
    kubernetes_network_config: KubernetesNetworkConfig = KubernetesNetworkConfig()
    secrets_encryption: SecretsEncryption | None = None
    zonal_shift_config: ZonalShiftConfig = ZonalShiftConfig()
    upgrade_policy: UpgradePolicy = UpgradePolicy()
    cloud_watch: CloudWatch = CloudWatch()
    iam: ClusterIam = ClusterIam()
    access_config: AccessConfig = AccessConfig()
    iam_identity_mappings: tuple[IdentityMapping, ...] = ()
    managed_node_groups: tuple[ManagedNodeGroup, ...] = ()
    declared_addons: tuple[Addon, ...] = Field(default=(), alias="addons")
    addons_config: AddonsConfig = AddonsConfig()
    auto_mode_config: AutoModeConfig = AutoModeConfig()
    fargate_profiles: tuple[FargateProfile, ...] = ()
    control_plane_scaling_config: ControlPlaneScaling | None = later_field(None)
    kube_api_server_config: ApiServerConfig | None = later_field(None, alias="kubeAPIServerConfig")
    kube_scheduler_config: SchedulerConfig | None = later_field(None)
    kube_controller_manager_config: ControllerManagerConfig | None = later_field(None)
    # A cluster has one at a time.
    identity_providers: tuple[IdentityProvider, ...] = later_field((), max_length=1)
    capabilities: tuple[Capability, ...] = later_field(())
    karpenter: Karpenter | None = later_field(None)
    remote_network_config: RemoteNetworkConfig | None = later_field(None)

    @property
    def pod_identity_associations(self) -> tuple[PodIdentityAssociation, ...]:
        """The associations, those that `withAddonPolicies` of node groups stand for included."""
        policies = [group.iam.with_addon_policies for group in self.managed_node_groups]
        return with_node_policies(
            self.iam.pod_identity_associations, policies, self.declared_addons, self.metadata.region
        )

    @property
    def auto_mode(self) -> bool:
        return self.auto_mode_config.enabled

    @property
    def is_nodeless(self) -> bool:
        """Whether nothing says where pods could run: a control plane alone."""
        return not (self.auto_mode or self.managed_node_groups or self.fargate_profiles)

    @property
    def node_groups(self) -> tuple[ManagedNodeGroup, ...]:
        return self.managed_node_groups

    @property
    def addons(self) -> tuple[Addon, ...]:
        """Every EKS add-on that the cluster gets, the default ones included."""
        return with_defaults(self.declared_addons, self.addons_config, self.auto_mode, self.metadata.region)

    @property
    def daemon_addons(self) -> tuple[Addon, ...]:
        """Those that nodes need to become ready; created before the node groups."""
        return tuple(addon for addon in self.addons if addon.name in DAEMON_ADDONS)

    @property
    def pod_addons(self) -> tuple[Addon, ...]:
        """Those that need a node to run on; created after the node groups, and not before there is one."""
        return () if self.is_nodeless else tuple(addon for addon in self.addons if addon.name not in DAEMON_ADDONS)

    @property
    def access_entries(self) -> tuple[AccessEntry, ...]:
        """The access entries, those that identity mappings stand for included."""
        return self.access_config.access_entries + tuple(m.access_entry() for m in self.iam_identity_mappings)

    @property
    def existing_roles(self) -> tuple[str, ...]:
        """The ARNs, sorted, of roles that exist and that CloudFormation passes to nodes, pods and add-ons."""
        named = [
            *(group.iam.instance_role_arn for group in self.node_groups),
            *(addon.service_account_role_arn for addon in self.addons),
            *(profile.pod_execution_role_arn for profile in self.fargate_profiles),
            *(role.role_arn for role in self._pod_roles),
            *(capability.role_arn for capability in self.capabilities),
            self.auto_mode_config.node_role_arn,
            self.remote_network_config and self.remote_network_config.iam.role_arn,
        ]
        return tuple(sorted({arn for arn in named if arn and _ROLE_ARN.fullmatch(arn)}))

    @property
    def new_role_names(self) -> tuple[str, ...]:
        """The names, sorted, that the ClusterConfig itself gives to roles which are made for it."""
        of_pods = [role.role_name for role in self._pod_roles]
        of_accounts = [account.role_name for account in self.iam.service_accounts]
        return tuple(sorted({name for name in (*of_pods, *of_accounts) if name}))

    @property
    def boundaries(self) -> tuple[str, ...]:
        """The ARNs, sorted, of the permissions boundaries that the ClusterConfig names for its new roles."""
        of_pods = [role.permissions_boundary_arn for role in self._pod_roles]
        of_accounts = [account.permissions_boundary for account in self.iam.service_accounts]
        of_capabilities = [capability.permissions_boundary for capability in self.capabilities]
        return tuple(sorted({arn for arn in (*of_pods, *of_accounts, *of_capabilities) if arn}))

    @property
    def _pod_roles(self) -> list[PodRole]:
        of_addons = [role for addon in self.addons for role in addon.pod_identity_associations]
        return [*self.pod_identity_associations, *of_addons]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        self._unique("managedNodeGroups", [_as_in_ids(group.name) for group in self.managed_node_groups])
        self._unique("addons", [_as_in_ids(addon.name) for addon in self.declared_addons])
        self._unique("fargateProfiles", [_as_in_ids(profile.name) for profile in self.fargate_profiles])
        self._unique("access entries and identity mappings", [e.principal_arn for e in self.access_entries])
        self._unique("capabilities", [capability.name for capability in self.capabilities])
        self._unique("types of capabilities", [capability.type for capability in self.capabilities])
        accounts = [(a.namespace, a.service_account_name) for a in self.iam.pod_identity_associations]
        self._unique("iam.podIdentityAssociations", ["/".join(account) for account in accounts])
        names = [f"{a.metadata.namespace}/{a.metadata.name}" for a in self.iam.service_accounts]
        self._unique("iam.serviceAccounts", names)
        return self

    @staticmethod
    def _unique(what: str, names: list[str]) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{what} has {', '.join(twice)} twice; allowed: each name once")


def _as_in_ids(name: str) -> str:
    # A stack's logical ids have neither - nor _, and capitals of their own: names that differ in those alone would be
    # one resource.
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))
