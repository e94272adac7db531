"""The EKS add-ons that nodes need to become ready: vpc-cni, kube-proxy, the pod identity agent."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._addon_stacks import addon_names, addon_template
from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.version_lookup import VersionOutputs
from resources.cloudformation import cluster_tags
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack


@unit(wave="cluster", minutes=1, when=lambda env: bool(env.cluster.daemon_addons))
def daemon_addons(env: Environment, cluster: ClusterOutputs, versions: VersionOutputs) -> Stack[NoOutputs]:
    """EKS add-ons that run on every node and come before the node groups."""
    description = f"Daemon add-ons of {env.cluster_name}"
    template, parameters = addon_template(env, description, env.cluster.daemon_addons, versions, {})
    return Stack[NoOutputs](
        template=template.to_dict(),
        parameters={"ClusterName": cluster.name, **parameters},
        tags=cluster_tags(env),
        may_replace=addon_names(template),
    )
