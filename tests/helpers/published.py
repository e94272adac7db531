"""What other units have published, and environments with another ClusterConfig, for tests that render a unit."""

from __future__ import annotations

from typing import Any

from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.control_plane_lookup import ControlPlaneOutputs
from eks_assets.units.cluster.identity import IdentityOutputs
from eks_assets.units.cluster.karpenter_stack import KarpenterOutputs
from eks_assets.units.cluster.version_lookup import VersionOutputs
from eks_assets.units.cluster.vpc_lookup import VpcOutputs
from eks_assets.units.infrastructure.efs import EfsOutputs
from eks_assets.units.network.security_groups import SecurityGroupsOutputs
from eks_assets.units.post_deploy.external_dns_role import ExternalDnsRoleOutputs
from eks_assets.units.post_deploy.service_account_roles import ServiceAccountRolesOutputs
from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.environment import Environment
from resources.config.settings.network import Network
from resources.model.specs import Stack

ADDON_VERSION = "v1.9.0-eksbuild.1"
NODE_RELEASE = "1.34.2-20261108"
ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/0123ABCD"
VPC = VpcOutputs(
    vpc_id="vpc-1",
    cidr_block="10.0.0.0/16",
    private_subnet_ids=("subnet-a", "subnet-b"),
    public_subnet_ids=("subnet-c", "subnet-d"),
    zones=("us-west-2a", "us-west-2b"),
)
NO_CLUSTER = ControlPlaneOutputs(subnet_ids=(), zones=())
CLUSTER = ClusterOutputs(
    name="demo-sandbox-cluster",
    arn="arn:aws:eks:us-west-2:000000000000:cluster/demo-sandbox-cluster",
    endpoint="https://cluster.test",
    oidc_issuer=f"https://{ISSUER}",
    security_group_id="sg-cluster",
    role_arn="arn:aws:iam::000000000000:role/cluster",
)
GROUPS = SecurityGroupsOutputs(
    efs_security_group_id="sg-efs", load_balancer_security_group_id="sg-lb", node_security_group_id="sg-node"
)
KARPENTER = KarpenterOutputs(
    node_role_arn="arn:aws:iam::000000000000:role/KarpenterNodeRole-demo",
    node_role_name="KarpenterNodeRole-demo",
    queue_name="demo-sandbox-cluster",
)
ROLES = ServiceAccountRolesOutputs(
    external_secrets_role_arn="arn:aws:iam::000000000000:role/external-secrets",
    load_balancer_controller_role_arn="arn:aws:iam::000000000000:role/load-balancer-controller",
    efs_csi_role_arn="arn:aws:iam::000000000000:role/efs-csi",
    ebs_csi_role_arn="arn:aws:iam::000000000000:role/ebs-csi",
    loki_role_arn="arn:aws:iam::000000000000:role/loki",
    loki_bucket_name="loki",
)
EXTERNAL_DNS = ExternalDnsRoleOutputs(role_arn="arn:aws:iam::000000000000:role/external-dns")
IDENTITY = IdentityOutputs(oidc_id="0123ABCD", oidc_provider=ISSUER)
EFS = EfsOutputs(file_system_id="fs-1", access_point_id="fsap-1")


def versions_of(env: Environment) -> VersionOutputs:
    """What AWS offers for the environment's add-ons and node groups; pinned versions as they are."""
    addons = (*env.cluster.daemon_addons, *env.cluster.pod_addons)
    pinned = {addon.name: addon.version for addon in addons if addon.version and addon.version != "latest"}
    return VersionOutputs(
        addon_versions=tuple(f"{addon.name}={pinned.get(addon.name, ADDON_VERSION)}" for addon in addons),
        node_releases=tuple(f"{group.ami_type}={NODE_RELEASE}" for group in env.cluster.node_groups),
    )


def configured(env: Environment, **fields: Any) -> Environment:
    """The environment with other fields of its ClusterConfig, as the file would write them."""
    document = env.cluster.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return env.model_copy(update={"cluster": ClusterConfig.model_validate(document | fields)})


def joined(env: Environment) -> Environment:
    """The environment in a VPC that somebody else made."""
    return env.model_copy(update={"network": Network.model_validate({"lookup": {}})})


def resources_of(spec: Stack[Any], kind: str = "") -> dict[str, dict[str, Any]]:
    """The template's resources by logical id; those of one type, such as `EKS::Addon`, where it is given."""
    found: dict[str, dict[str, Any]] = spec.template["Resources"]
    return {title: r for title, r in found.items() if not kind or r["Type"] == f"AWS::{kind}"}


def properties_of(spec: Stack[Any], kind: str) -> list[dict[str, Any]]:
    """The properties of the template's resources of one type, in the template's order."""
    return [r["Properties"] for r in resources_of(spec, kind).values()]
