"""EKS managed node groups, one launch template each, created in parallel by one stack.

Source: CloudFormation, AWS::EKS::Nodegroup; eksctl's defaults (AL2023, IMDSv2 with one hop, encrypted gp3).
"""

import hashlib
import json
from typing import Any

from troposphere import GetAtt, Ref, Select, Template, ec2, eks
from troposphere.iam import Role

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._launch_templates import launch_template
from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.control_plane_lookup import ControlPlaneOutputs
from eks_assets.units.cluster.daemon_addons import daemon_addons
from eks_assets.units.cluster.version_lookup import VersionOutputs
from eks_assets.units.cluster.vpc_lookup import VpcOutputs
from eks_assets.units.network.security_groups import SecurityGroupsOutputs
from resources.cloudformation import (
    add_outputs,
    aws_policy,
    boundary_properties,
    cluster_tags,
    list_parameter,
    text_parameter,
    trust_policy,
)
from resources.config.eksctl.node_settings import NodeRepairConfig
from resources.config.eksctl.nodes import ManagedNodeGroup
from resources.config.environment import Environment
from resources.model.checks import NodesReady
from resources.model.errors import ConfigError
from resources.model.outputs import Outputs
from resources.model.specs import Stack

_NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)
_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}


class NodeGroupsOutputs(Outputs):
    """The role that the groups without policies of their own share."""

    node_role_arn: str


@unit(
    wave="cluster",
    minutes=3,
    after=[daemon_addons],
    when=lambda env: bool(env.cluster.node_groups),
    checks=[NodesReady()],
)
def node_groups(
    env: Environment,
    cluster: ClusterOutputs,
    control_plane: ControlPlaneOutputs,
    versions: VersionOutputs,
    vpc: VpcOutputs,
    security_groups: SecurityGroupsOutputs,
) -> Stack[NodeGroupsOutputs]:
    """Managed node groups with their roles and launch templates."""
    template = Template(Description=f"Managed node groups of {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    subnets = list_parameter(template, "SubnetIds", "Private subnets, in the order of their zones")
    attached_groups: list[Ref | GetAtt] = [
        text_parameter(template, "ClusterSecurityGroupId", "Nodes, control plane and pods to each other"),
        text_parameter(template, "NodeSecurityGroupId", "Load balancers to pods and node ports"),
    ]
    role = template.add_resource(_role(env, "NodeRole"))
    for group in env.cluster.node_groups:
        title = "".join(part.capitalize() for part in group.name.replace("_", "-").split("-"))
        own = group.iam.attach_policy_arns
        group_role = template.add_resource(_role(env, f"Role{title}", *own)) if own else role
        attached = [*attached_groups, *_ssh_groups(template, f"Ssh{title}", group)]
        launch = template.add_resource(launch_template(env, f"Launch{title}", group, attached))
        added = () if group.subnets or group.availability_zones else control_plane.zones_besides(vpc.zones)
        properties = _properties(env, group, versions, launch) | {
            "NodegroupName": group_name(group, added),
            "ClusterName": cluster_name,
            "NodeRole": group.iam.instance_role_arn or GetAtt(group_role, "Arn"),
            "Subnets": _subnets(env, group, subnets),
        }
        template.add_resource(eks.Nodegroup(f"Group{title}", **properties))
    add_outputs(template, NodeGroupsOutputs, node_role_arn=GetAtt(role, "Arn"))
    return Stack[NodeGroupsOutputs](
        template=template.to_dict(),
        parameters={
            "ClusterName": cluster.name,
            "SubnetIds": ",".join(env.cluster.vpc.subnets.private_ids or vpc.private_subnet_ids),
            "ClusterSecurityGroupId": cluster.security_group_id,
            "NodeSecurityGroupId": security_groups.node_security_group_id,
            **({"VpcId": vpc.vpc_id, "VpcCidr": vpc.cidr_block} if "VpcId" in template.parameters else {}),
        },
        tags=cluster_tags(env),
        may_replace=tuple(title for title in template.resources if title.startswith("Group")),
    )


def group_name(group: ManagedNodeGroup, added_zones: tuple[str, ...] = ()) -> str:
    """The group's name with a short hash of what replaces a node group, since a fixed name would be taken then.
    `added_zones`: zones that a group without zones or subnets of its own has got since the cluster was made."""
    replacing: list[Any] = [
        group.ami_type,
        group.capacity_type,
        list(group.types),
        list(group.availability_zones),
        list(group.subnets),
    ]
    if added_zones:
        replacing.append(sorted(added_zones))
    if role := "own" if group.iam.attach_policy_arns else group.iam.instance_role_arn:
        replacing.append(role)
    return f"{group.name}-{hashlib.sha256(json.dumps(replacing).encode()).hexdigest()[:6]}"


def _role(env: Environment, title: str, *more: str) -> Role:
    policies = [aws_policy(env, name) for name in _NODE_POLICIES]
    return Role(
        title,
        AssumeRolePolicyDocument=trust_policy({"Service": "ec2.amazonaws.com"}),
        ManagedPolicyArns=list(dict.fromkeys([*policies, *more])),
        **boundary_properties(env),
    )


def _ssh_groups(template: Template, title: str, group: ManagedNodeGroup) -> list[GetAtt]:
    """The security group that lets people log in to the group's nodes, where the group says so: from the security
    groups that it names, else from the VPC, as the nodes have no public addresses."""
    if not group.ssh.allow:
        return []
    if "VpcId" not in template.parameters:
        text_parameter(template, "VpcId", "The VPC of the nodes")
        text_parameter(template, "VpcCidr", "The addresses of the VPC")
    origins = [{"SourceSecurityGroupId": source} for source in group.ssh.source_security_group_ids]
    rules = [
        ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=22, ToPort=22, Description="SSH", **origin)
        for origin in origins or [{"CidrIp": Ref("VpcCidr")}]
    ]
    made = ec2.SecurityGroup(
        title,
        GroupDescription=f"SSH to the nodes of {group.name}",
        VpcId=Ref("VpcId"),
        SecurityGroupIngress=rules,
    )
    return [GetAtt(template.add_resource(made), "GroupId")]


def _properties(
    env: Environment, group: ManagedNodeGroup, versions: VersionOutputs, launch: ec2.LaunchTemplate
) -> dict[str, Any]:
    low, wanted, high = group.size
    properties: dict[str, Any] = {
        "AmiType": group.ami_type,
        "CapacityType": group.capacity_type,
        "InstanceTypes": list(group.types),
        "ScalingConfig": eks.ScalingConfig(MinSize=low, DesiredSize=wanted, MaxSize=high),
        "LaunchTemplate": eks.LaunchTemplateSpecification(
            Id=Ref(launch), Version=GetAtt(launch, "LatestVersionNumber")
        ),
        "Labels": _labels(group),
        "UpdateConfig": _update_config(group),
    }
    # Without them nodes stay at the version and image they were created with.
    properties["ReleaseVersion"] = group.release_version or versions.of_nodes(group.ami_type)
    if not group.release_version or group.ami_family == "Bottlerocket":
        # Bottlerocket's releases do not say of which Kubernetes they are.
        properties["Version"] = env.kubernetes_version
    if env.upgrade is not None and env.upgrade.force:
        properties["ForceUpdateEnabled"] = True
    if group.node_repair_config.enabled:
        properties["NodeRepairConfig"] = _repair(group.node_repair_config)
    if group.taints:
        properties["Taints"] = [
            eks.Taint(Key=t.key, Effect=_EFFECTS[t.effect], **({"Value": t.value} if t.value else {}))
            for t in group.taints
        ]
    if group.tags:
        properties["Tags"] = dict(group.tags)
    return properties


def _repair(config: NodeRepairConfig) -> eks.NodeRepairConfig:
    overrides = [
        eks.NodeRepairConfigOverrides(
            NodeMonitoringCondition=override.node_monitoring_condition,
            NodeUnhealthyReason=override.node_unhealthy_reason,
            MinRepairWaitTimeMins=override.min_repair_wait_time_mins,
            RepairAction=override.repair_action,
        )
        for override in config.node_repair_config_overrides
    ]
    optional = {
        "MaxUnhealthyNodeThresholdCount": config.max_unhealthy_node_threshold_count,
        "MaxUnhealthyNodeThresholdPercentage": config.max_unhealthy_node_threshold_percentage,
        "MaxParallelNodesRepairedCount": config.max_parallel_nodes_repaired_count,
        "MaxParallelNodesRepairedPercentage": config.max_parallel_nodes_repaired_percentage,
        "NodeRepairConfigOverrides": overrides,
    }
    return eks.NodeRepairConfig(Enabled=True, **{name: value for name, value in optional.items() if value})


def _labels(group: ManagedNodeGroup) -> dict[str, str]:
    # The device plugin's chart looks for nodes with this label, which nobody else sets on them.
    gpu = {"nvidia.com/gpu.present": "true"} if group.gpu else {}
    return {"alpha.eksctl.io/nodegroup-name": group.name, **gpu, **group.labels}


def _subnets(env: Environment, group: ManagedNodeGroup, subnets: Ref) -> Any:
    """The group's own subnets, else those in its zones, else all. The VPC's lookup sorts subnets by zone."""
    if group.subnets:
        return list(group.subnets)
    if not group.availability_zones:
        return subnets
    if env.network.create is None:
        raise ConfigError(
            f"managedNodeGroups: {group.name} has availabilityZones, which need network.create",
            next_step="name the ids of the subnets in those zones under subnets instead",
        )
    zones = sorted(env.network.create.zones)
    return [Select(zones.index(zone), subnets) for zone in group.availability_zones]


def _update_config(group: ManagedNodeGroup) -> eks.UpdateConfig:
    config = group.update_config
    if config and config.max_unavailable_percentage:
        return eks.UpdateConfig(MaxUnavailablePercentage=config.max_unavailable_percentage)
    return eks.UpdateConfig(MaxUnavailable=config.max_unavailable if config and config.max_unavailable else 1)
