"""The launch template of a managed node group (source: CloudFormation, AWS::EC2::LaunchTemplate; eksctl's defaults).

It names no instance type, role, image or subnet: EKS takes those from the node group and refuses them here.
"""

from __future__ import annotations

from typing import Any

from troposphere import Base64, Ref, Tags, ec2

from resources.config.eksctl.node_settings import AdditionalVolume, CapacityReservation
from resources.config.eksctl.nodes import ManagedNodeGroup
from resources.config.environment import Environment


def launch_template(
    env: Environment, title: str, group: ManagedNodeGroup, security_groups: list[Ref]
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
    if group.max_pods_per_node is not None:
        data.UserData = Base64(_user_data(group.ami_family, group.max_pods_per_node))
    return ec2.LaunchTemplate(title, LaunchTemplateData=data)


def _user_data(ami_family: str, max_pods: int) -> str:
    """What EKS merges into the user data that it writes: TOML for Bottlerocket, else a NodeConfig of nodeadm.

    Source: EKS user guide, "Customize managed nodes with launch templates"."""
    if ami_family == "Bottlerocket":
        return f"[settings.kubernetes]\nmax-pods = {max_pods}\n"
    config = (
        f"apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {{kubelet: {{config: {{maxPods: {max_pods}}}}}}}"
    )
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
