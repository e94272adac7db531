"""The launch template of a managed node group (source: CloudFormation, AWS::EC2::LaunchTemplate; eksctl's defaults).

It names no instance type, role, image or subnet: EKS takes those from the node group and refuses them here.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Tags, ec2

from resources.config.eksctl.nodes import CapacityReservation, ManagedNodeGroup
from resources.config.environment import Environment


def launch_template(
    env: Environment, title: str, group: ManagedNodeGroup, security_groups: list[Ref]
) -> ec2.LaunchTemplate:
    """Encrypted gp3 volumes, IMDSv2 that pods cannot reach (one hop), the security groups, the reservation.

    A launch template with security groups replaces those of EKS, so the cluster's own group has to be among them."""
    tags = {"Name": f"{env.cluster_name}-{group.name}", **group.tags}
    data = ec2.LaunchTemplateData(
        BlockDeviceMappings=[
            ec2.LaunchTemplateBlockDeviceMapping(DeviceName="/dev/xvda", Ebs=ec2.EBSBlockDevice(**_disk(group)))
        ],
        MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
        SecurityGroupIds=security_groups,
        TagSpecifications=[
            ec2.TagSpecifications(ResourceType=kind, Tags=Tags(tags)) for kind in ("instance", "volume")
        ],
    )
    if group.capacity_reservation is not None:
        data.CapacityReservationSpecification = _reservation(group.capacity_reservation)
    return ec2.LaunchTemplate(title, LaunchTemplateData=data)


def _disk(group: ManagedNodeGroup) -> dict[str, Any]:
    disk: dict[str, Any] = {
        "VolumeSize": group.volume_size,
        "VolumeType": group.volume_type,
        "Encrypted": group.volume_encrypted,
        "DeleteOnTermination": True,
    }
    optional = {"KmsKeyId": group.volume_kms_key_id, "Iops": group.volume_iops, "Throughput": group.volume_throughput}
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
