"""The EKS control plane, as the environment's ClusterConfig describes it.

Source: CloudFormation, AWS::EKS::Cluster; eksctl, "Config file schema".
"""

from troposphere import GetAtt, Ref, Template, eks

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._control_plane import add_cluster_role, add_logs, add_ways_in, cluster_properties
from eks_assets.units.cluster._hybrid_nodes import add_hybrid_nodes
from eks_assets.units.cluster.control_plane_lookup import ControlPlaneOutputs
from eks_assets.units.cluster.vpc_lookup import VpcOutputs
from resources.cloudformation import add_outputs, cluster_tags, list_parameter, protect_from_replacement
from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.environment import Environment
from resources.model.checks import ClusterActive
from resources.model.outputs import Outputs, known_values
from resources.model.specs import Stack


class ClusterOutputs(Outputs):
    """The control plane. `oidc_issuer` is a URL; `security_group_id` is the group that EKS creates for the cluster."""

    name: str
    arn: str
    endpoint: str
    oidc_issuer: str
    security_group_id: str
    role_arn: str


@unit(wave="cluster", minutes=10, checks=[ClusterActive()], reversibility="time-boxed")
def cluster(env: Environment, vpc: VpcOutputs, live: ControlPlaneOutputs) -> Stack[ClusterOutputs]:
    """The EKS control plane with its role and key; nobody is administrator by having created it."""
    template = Template(Description=f"EKS control plane {env.cluster_name}")
    subnets = list_parameter(template, "SubnetIds", "Subnets of the cluster")
    role = add_cluster_role(template, env)
    add_logs(template, env)
    control_plane = template.add_resource(eks.Cluster("Cluster", **cluster_properties(template, env, role, subnets)))
    add_ways_in(template, env.cluster, control_plane)
    add_hybrid_nodes(template, env, control_plane)
    add_outputs(
        template,
        ClusterOutputs,
        name=Ref(control_plane),
        arn=GetAtt(control_plane, "Arn"),
        endpoint=GetAtt(control_plane, "Endpoint"),
        oidc_issuer=GetAtt(control_plane, "OpenIdConnectIssuerUrl"),
        security_group_id=GetAtt(control_plane, "ClusterSecurityGroupId"),
        role_arn=GetAtt(role, "Arn"),
    )
    return Stack[ClusterOutputs](
        template=template.to_dict(),
        parameters={"SubnetIds": ",".join(control_plane_subnets(env.cluster, vpc, live))},
        tags=cluster_tags(env),
        on_failure="DO_NOTHING",
        policy=protect_from_replacement("Cluster"),
        timeout=env.deadlines.cluster,
    )


def control_plane_subnets(config: ClusterConfig, vpc: VpcOutputs, live: ControlPlaneOutputs) -> tuple[str, ...]:
    """The ClusterConfig's own control plane subnets, else all that it names, else those that the cluster has, else the
    VPC's private ones."""
    subnets, private = config.vpc.subnets, config.vpc.control_plane_on_private_subnets
    named = config.vpc.control_plane_subnet_ids or (subnets.private_ids if private else subnets.ids)
    return named or known_values(live.subnet_ids) or vpc.private_subnet_ids
