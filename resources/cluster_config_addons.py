"""The EKS add-ons of a ClusterConfig, and which of them come by themselves."""

from __future__ import annotations

from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from resources.cluster_config_base import ConfigModel, Tags
from resources.cluster_config_iam import PodIdentityAssociation
from resources.field_types import AddonName, Arn, YamlText

DEFAULT_ADDONS = ("vpc-cni", "kube-proxy", "coredns", "metrics-server")
AUTO_MODE_DEFAULT_ADDONS = ("metrics-server",)
# Auto Mode runs these on the node itself; a second copy would fight with it.
AUTO_MODE_BUILT_IN = frozenset(
    {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "eks-node-monitoring-agent", "aws-ebs-csi-driver"}
)
# DaemonSets that nodes need to become ready: they come before the node groups; all others wait for a node.
DAEMON_ADDONS = frozenset({"vpc-cni", "kube-proxy", "eks-pod-identity-agent", "eks-node-monitoring-agent"})


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
    pod_identity_associations: tuple[PodIdentityAssociation, ...] = ()
    use_default_pod_identity_associations: bool = False
    resolve_conflicts: Literal["none", "overwrite", "preserve"] = "overwrite"
    tags: Tags = Field(default={})

    @property
    def configuration(self) -> dict[str, Any]:
        """The add-on's settings; empty where the file gives none."""
        return yaml.safe_load(self.configuration_values) if self.configuration_values else {}

    @model_validator(mode="after")
    def _one_way_to_get_permissions(self) -> Self:
        ways = {
            "serviceAccountRoleARN": self.service_account_role_arn,
            "podIdentityAssociations": self.pod_identity_associations,
            "useDefaultPodIdentityAssociations": self.use_default_pod_identity_associations,
        }
        used = [name for name, value in ways.items() if value]
        if len(used) > 1:
            raise ValueError(f"has {' and '.join(used)}; allowed: one way to get permissions")
        return self


class AddonsConfig(ConfigModel):
    """`disable_default_addons`: only the add-ons that are listed. `auto_apply_pod_identity_associations`: every
    add-on that knows which permissions it needs gets them."""

    disable_default_addons: bool = False
    auto_apply_pod_identity_associations: bool = False


def with_defaults(declared: tuple[Addon, ...], config: AddonsConfig, auto_mode: bool, region: str) -> tuple[Addon, ...]:
    """The declared add-ons and those that come by themselves, without what Auto Mode already runs."""
    defaults = AUTO_MODE_DEFAULT_ADDONS if auto_mode else DEFAULT_ADDONS
    names = {addon.name for addon in declared}
    # AWS does not publish metrics-server as an add-on outside its commercial regions.
    missing = [name for name in defaults if name not in names and (name != "metrics-server" or _commercial(region))]
    added = () if config.disable_default_addons else tuple(Addon(name=name) for name in missing)
    return tuple(a for a in declared + added if not (auto_mode and a.name in AUTO_MODE_BUILT_IN))


def _commercial(region: str) -> bool:
    return not region.startswith(("cn-", "us-gov-", "us-iso"))
