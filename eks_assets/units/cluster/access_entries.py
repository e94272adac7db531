"""Who may do what in the cluster: EKS access entries.

Source: EKS user guide, "Grant IAM users access to Kubernetes with EKS access entries".
"""

from typing import Any

from troposphere import Output, Ref, Template, eks

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._access_policies import access_policies
from eks_assets.units.cluster._pod_roles import short_digest
from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.karpenter_stack import KarpenterOutputs
from resources.cloudformation import cluster_tags, text_parameter
from resources.config.eksctl.iam import CLUSTER_ADMIN_POLICY, AccessEntry
from resources.config.environment import Environment
from resources.config.planner_view import GROUP
from resources.model.checks import EndpointAnswers
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack


@unit(wave="cluster", minutes=1, checks=[EndpointAnswers()], gives_cluster_access=True)
def access_entries(env: Environment, cluster: ClusterOutputs, karpenter: KarpenterOutputs | None) -> Stack[NoOutputs]:
    """Access for the deployer, for the planner, for Karpenter's nodes, and for whom the ClusterConfig names."""
    template = Template(Description=f"Who may do what in {env.cluster_name}")
    name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    parameters = {"ClusterName": cluster.name}
    for entry in list_access_entries(env):
        template.add_resource(_resource(env, entry, name))
    if karpenter is not None:
        node_role = text_parameter(template, "KarpenterNodeRoleArn", "Role of Karpenter's nodes")
        parameters["KarpenterNodeRoleArn"] = karpenter.node_role_arn
        template.add_resource(
            eks.AccessEntry("KarpenterNodes", ClusterName=name, PrincipalArn=node_role, Type="EC2_LINUX")
        )
    # Nobody reads it; without it the stack of every environment that has it would be updated.
    template.add_output(Output("ClusterName", Value=name))
    return Stack[NoOutputs](
        template=template.to_dict(),
        parameters=parameters,
        tags=cluster_tags(env),
        may_replace=tuple(template.resources),
    )


def list_access_entries(env: Environment) -> list[AccessEntry]:
    """The ClusterConfig's entries but for Karpenter's node role, which has its own; that of whoever deploys: the
    deployer role, else the pipeline's own identity; that of the destroyer, where there is one; and that of the planner,
    in the group of `planner_access`."""
    karpenter_role = f"role/KarpenterNodeRole-{env.cluster_name}"
    wanted = [e for e in env.cluster.access_entries if not e.principal_arn.endswith(karpenter_role)]
    deployer = env.roles.deployer.arn if env.roles.deployer else env.roles.pipeline
    destroyer = env.roles.destroyer.arn if env.roles.destroyer else None
    administers = {"accessPolicies": [{"policyARN": CLUSTER_ADMIN_POLICY, "accessScope": {"type": "cluster"}}]}
    plans = {"kubernetesGroups": [GROUP]}
    for principal, rights in ((deployer, administers), (destroyer, administers), (env.roles.planner, plans)):
        if principal and all(e.principal_arn != principal for e in wanted):
            wanted.append(AccessEntry.model_validate({"principalARN": principal, **rights}))
    return wanted


def _resource(env: Environment, entry: AccessEntry, cluster_name: Ref) -> eks.AccessEntry:
    # The principal is part of the id: an entry for another principal is another entry, not a replacement of this one.
    title = f"Entry{short_digest(entry.principal_arn)}"
    properties: dict[str, Any] = {"ClusterName": cluster_name, "PrincipalArn": entry.principal_arn, "Type": entry.type}
    if entry.kubernetes_groups:
        properties["KubernetesGroups"] = list(entry.kubernetes_groups)
    if entry.kubernetes_username:
        properties["Username"] = entry.kubernetes_username
    # One that has none says so: CloudFormation takes away only what a template speaks of.
    if entry.type == "STANDARD":
        properties["AccessPolicies"] = access_policies(env, entry.access_policies)
    return eks.AccessEntry(title, **properties)
