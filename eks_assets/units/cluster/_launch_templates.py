"""The launch template of a managed node group (source: CloudFormation, AWS::EC2::LaunchTemplate; eksctl's defaults).

It names no instance type, role, image or subnet: EKS takes those from the node group and refuses them here.
"""

from __future__ import annotations

from typing import Any

from troposphere import Base64, GetAtt, Ref, Tags, ec2

from resources.config.eksctl.bottlerocket import Bottlerocket, bottlerocket_toml
from resources.config.eksctl.node_settings import AdditionalVolume, CapacityReservation
from resources.config.eksctl.nodes import ManagedNodeGroup
from resources.config.environment import Environment, merge_mappings


def launch_template(
    env: Environment, title: str, group: ManagedNodeGroup, security_groups: list[Ref | GetAtt]
) -> ec2.LaunchTemplate:
    """Encrypted gp3 volumes, IMDSv2 that pods cannot reach (one hop), the security groups, the reservation.

    A launch template with security groups replaces those of EKS, so the cluster's own group has to be among them."""
    tags = {"Name": group.instance_name or f"{env.cluster_name}-{group.name}", **group.tags}
    # Bottlerocket's first device is its system, the second holds images and pods.
    device = "/dev/xvdb" if group.ami_family == "Bottlerocket" else "/dev/xvda"
    disks = {device: _disk(group), **{volume.volume_name: _disk(volume) for volume in group.additional_volumes}}
    data = ec2.LaunchTemplateData(
        BlockDeviceMappings=[
            ec2.LaunchTemplateBlockDeviceMapping(DeviceName=name, Ebs=ec2.EBSBlockDevice(**disk))
            for name, disk in disks.items()
        ],
        MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
        SecurityGroupIds=[*security_groups, *group.security_groups.attach_ids],
        TagSpecifications=[
            ec2.TagSpecifications(ResourceType=kind, Tags=Tags(tags)) for kind in ("instance", "volume")
        ],
    )
    if group.capacity_reservation is not None:
        data.CapacityReservationSpecification = _reservation(group.capacity_reservation)
    if group.ebs_optimized is not None:
        data.EbsOptimized = group.ebs_optimized
    if group.enable_detailed_monitoring:
        data.Monitoring = ec2.Monitoring(Enabled=True)
    if group.placement is not None:
        data.Placement = ec2.Placement(GroupName=group.placement.group_name)
    if group.ssh.public_key_name:
        data.KeyName = group.ssh.public_key_name
    if user_data := _bottlerocket(group) if group.ami_family == "Bottlerocket" else _node_config(group):
        data.UserData = Base64(user_data)
    return ec2.LaunchTemplate(title, LaunchTemplateData=data)


def _bottlerocket(group: ManagedNodeGroup) -> str:
    """The group's settings as TOML, which EKS merges into those that it writes."""
    own = group.bottlerocket or Bottlerocket()
    # Who logs in does so in the admin container.
    admin = own.enable_admin_container if own.enable_admin_container is not None else group.ssh.allow or None
    fields: dict[str, Any] = {} if admin is None else {"host-containers": {"admin": {"enabled": admin}}}
    if group.max_pods_per_node is not None:
        fields["kubernetes"] = {"max-pods": group.max_pods_per_node}
    return bottlerocket_toml(merge_mappings(own.settings, fields))


def _node_config(group: ManagedNodeGroup) -> str:
    """A NodeConfig of nodeadm, which EKS merges into the one that it writes; empty where the group says nothing.

    Source: EKS user guide, "Customize managed nodes with launch templates"."""
    if group.max_pods_per_node is None:
        return ""
    spec = f"{{kubelet: {{config: {{maxPods: {group.max_pods_per_node}}}}}}}"
    config = f"apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {spec}"
    part = f"--//\nContent-Type: application/node.eks.aws\n\n---\n{config}\n"
    return f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n\n{part}\n--//--\n'


def _disk(volume: ManagedNodeGroup | AdditionalVolume) -> dict[str, Any]:
    disk: dict[str, Any] = {
        "VolumeSize": volume.volume_size,
        "VolumeType": volume.volume_type,
        "Encrypted": volume.volume_encrypted,
        "DeleteOnTermination": True,
    }
    optional = {
        "KmsKeyId": volume.volume_kms_key_id,
        "Iops": volume.volume_iops,
        "Throughput": volume.volume_throughput,
        "SnapshotId": volume.snapshot_id if isinstance(volume, AdditionalVolume) else None,
    }
    return disk | {key: value for key, value in optional.items() if value}


def _reservation(reservation: CapacityReservation) -> ec2.CapacityReservationSpecification:
    specification = ec2.CapacityReservationSpecification()
    if reservation.capacity_reservation_preference:
        specification.CapacityReservationPreference = reservation.capacity_reservation_preference
    if target := reservation.capacity_reservation_target:
        given = {
            "CapacityReservationId": target.capacity_reservation_id,
            "CapacityReservationResourceGroupArn": target.capacity_reservation_resource_group_arn,
        }
        specification.CapacityReservationTarget = ec2.CapacityReservationTarget(
            **{key: value for key, value in given.items() if value}
        )
    return specification
