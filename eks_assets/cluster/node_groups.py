"""EKS managed node groups, one launch template each, made in parallel by one stack.

Source: CloudFormation, AWS::EKS::Nodegroup; eksctl's defaults (AL2023, IMDSv2 with one hop, encrypted gp3).
"""

import hashlib
import json
from typing import Any

from troposphere import GetAtt, Ref, Select, Tags, Template, ec2, eks
from troposphere.iam import Role

from eks_assets.cluster.cluster import ClusterOutputs
from eks_assets.cluster.daemon_addons import daemon_addons
from eks_assets.cluster.vpc_lookup import VpcOutputs
from eks_assets.templates import (
    add_outputs,
    aws_policy,
    boundary,
    list_parameter,
    stack_tags,
    text_parameter,
    trust,
)
from eks_assets.unit import unit
from resources.checks import NodesReady
from resources.cluster_config_nodes import ManagedNodeGroup
from resources.environment import Environment
from resources.outputs import Outputs
from resources.specs import Stack

_NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)


class NodeGroupsOutputs(Outputs):
    node_role_arn: str


@unit(
    wave="cluster",
    minutes=3,
    after=[daemon_addons],
    when=lambda env: bool(env.cluster.node_groups),
    checks=[NodesReady()],
)
def node_groups(env: Environment, cluster: ClusterOutputs, vpc: VpcOutputs) -> Stack[NodeGroupsOutputs]:
    """Managed node groups with their role and launch templates."""
    template = Template(Description=f"Managed node groups of {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    subnets = list_parameter(template, "SubnetIds", "Subnets of the cluster")
    role = template.add_resource(
        Role(
            "NodeRole",
            AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}),
            ManagedPolicyArns=[aws_policy(env, name) for name in _NODE_POLICIES] + _extra_policies(env),
            **boundary(env),
        )
    )
    for group in env.cluster.node_groups:
        _add(template, env, group, role, cluster_name, subnets)
    add_outputs(template, NodeGroupsOutputs, node_role_arn=GetAtt(role, "Arn"))
    return Stack[NodeGroupsOutputs](
        name=env.stack_name("node-groups"),
        template=template.to_dict(),
        parameters={"ClusterName": cluster.name, "SubnetIds": ",".join(vpc.private_subnet_ids)},
        tags=stack_tags(env),
        may_replace=tuple(title for title in template.resources if title.startswith("Group")),
    )


def group_name(group: ManagedNodeGroup) -> str:
    """The group's name with a short hash of what replaces a node group, since a fixed name would be taken then."""
    replacing = [
        group.ami_type,
        group.capacity_type,
        list(group.types),
        list(group.availability_zones),
        list(group.subnets),
    ]
    return f"{group.name}-{hashlib.sha256(json.dumps(replacing).encode()).hexdigest()[:6]}"


def _extra_policies(env: Environment) -> list[str]:
    return sorted({arn for group in env.cluster.node_groups for arn in group.iam.attach_policy_arns})


def _add(
    template: Template, env: Environment, group: ManagedNodeGroup, role: Role, cluster_name: Ref, subnets: Ref
) -> None:
    title = "".join(part.capitalize() for part in group.name.replace("_", "-").split("-"))
    launch = template.add_resource(ec2.LaunchTemplate(f"Launch{title}", LaunchTemplateData=_launch_data(env, group)))
    low, wanted, high = group.size
    properties: dict[str, Any] = {
        "ClusterName": cluster_name,
        "NodegroupName": group_name(group),
        "NodeRole": group.iam.instance_role_arn or GetAtt(role, "Arn"),
        "AmiType": group.ami_type,
        "CapacityType": group.capacity_type,
        "InstanceTypes": list(group.types),
        "Subnets": _subnets(env, group, subnets),
        "ScalingConfig": eks.ScalingConfig(MinSize=low, DesiredSize=wanted, MaxSize=high),
        "LaunchTemplate": eks.LaunchTemplateSpecification(
            Id=Ref(launch), Version=GetAtt(launch, "LatestVersionNumber")
        ),
        "Labels": {"alpha.eksctl.io/nodegroup-name": group.name, **group.labels},
        "UpdateConfig": _update_config(group),
    }
    if group.node_repair_config.enabled:
        properties["NodeRepairConfig"] = eks.NodeRepairConfig(Enabled=True)
    if group.taints:
        effects = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
        properties["Taints"] = [eks.Taint(Key=t.key, Value=t.value, Effect=effects[t.effect]) for t in group.taints]
    if group.tags:
        properties["Tags"] = dict(group.tags)
    if group.release_version:
        properties["ReleaseVersion"] = group.release_version
    template.add_resource(eks.Nodegroup(f"Group{title}", **properties))


def _subnets(env: Environment, group: ManagedNodeGroup, subnets: Ref) -> Any:
    if group.subnets:
        return list(group.subnets)
    created = env.network.create
    if group.availability_zones and created:
        return [Select(created.zones.index(zone), subnets) for zone in group.availability_zones]
    return subnets


def _update_config(group: ManagedNodeGroup) -> eks.UpdateConfig:
    found = group.update_config
    if found and found.max_unavailable_percentage:
        return eks.UpdateConfig(MaxUnavailablePercentage=float(found.max_unavailable_percentage))
    return eks.UpdateConfig(MaxUnavailable=float(found.max_unavailable if found and found.max_unavailable else 1))


def _launch_data(env: Environment, group: ManagedNodeGroup) -> ec2.LaunchTemplateData:
    disk: dict[str, Any] = {
        "VolumeSize": group.volume_size,
        "VolumeType": group.volume_type,
        "Encrypted": group.volume_encrypted,
        "DeleteOnTermination": True,
    }
    if group.volume_kms_key_id:
        disk["KmsKeyId"] = group.volume_kms_key_id
    if group.volume_iops:
        disk["Iops"] = group.volume_iops
    if group.volume_throughput:
        disk["Throughput"] = group.volume_throughput
    tags = {"Name": f"{env.cluster_name}-{group.name}", **group.tags}
    specifications = [ec2.TagSpecifications(ResourceType=kind, Tags=Tags(tags)) for kind in ("instance", "volume")]
    data = ec2.LaunchTemplateData(
        BlockDeviceMappings=[
            ec2.LaunchTemplateBlockDeviceMapping(DeviceName="/dev/xvda", Ebs=ec2.EBSBlockDevice(**disk))
        ],
        MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
        TagSpecifications=specifications,
    )
    target = group.capacity_reservation and group.capacity_reservation.capacity_reservation_target
    if target and target.capacity_reservation_id:
        data.CapacityReservationSpecification = ec2.CapacityReservationSpecification(
            CapacityReservationTarget=ec2.CapacityReservationTarget(
                CapacityReservationId=target.capacity_reservation_id
            )
        )
    return data
