"""The EKS add-ons whose pods need a node: coredns, metrics-server, the CSI drivers."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._addon_stacks import addon_names, addon_template
from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.daemon_addons import daemon_addons
from eks_assets.units.cluster.fargate_profiles import fargate_profiles
from eks_assets.units.cluster.node_groups import node_groups
from eks_assets.units.cluster.version_lookup import VersionOutputs
from eks_assets.units.post_deploy.service_account_roles import ServiceAccountRolesOutputs
from resources.cloudformation import cluster_tags
from resources.config.environment import Environment
from resources.model.checks import AddonsActive
from resources.model.outputs import NoOutputs
from resources.model.products import VOLUMES
from resources.model.specs import Stack


@unit(
    wave="cluster",
    minutes=2,
    after=[daemon_addons, node_groups, fargate_profiles],
    when=lambda env: bool(env.cluster.pod_addons),
    checks=[AddonsActive()],
    products=VOLUMES,
)
def pod_addons(
    env: Environment, cluster: ClusterOutputs, versions: VersionOutputs, roles: ServiceAccountRolesOutputs
) -> Stack[NoOutputs]:
    """EKS add-ons whose pods need a node, with the roles that the ClusterConfig gives them through pod identity."""
    template, parameters = addon_template(
        env,
        f"Pod add-ons of {env.cluster_name}",
        env.cluster.pod_addons,
        versions,
        {"aws-ebs-csi-driver": roles.ebs_csi_role_arn, "aws-efs-csi-driver": roles.efs_csi_role_arn},
    )
    return Stack[NoOutputs](
        template=template.to_dict(),
        parameters={"ClusterName": cluster.name, **parameters},
        tags=cluster_tags(env),
        may_replace=addon_names(template),
    )
