"""The shared file system."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, Select, Tags, Template, ssm
from troposphere import efs as elastic

from eks_assets.graph.unit import unit
from eks_assets.units.network.network import NetworkOutputs
from eks_assets.units.network.security_groups import SecurityGroupsOutputs
from resources.cloudformation import add_outputs, list_parameter, stack_tags, text_parameter
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class EfsOutputs(Outputs):
    """The file system, and the access point under which applications see it."""

    file_system_id: str
    access_point_id: str


@unit(wave="infrastructure", minutes=3, reversibility="forward-only")
def efs(env: Environment, network: NetworkOutputs, security_groups: SecurityGroupsOutputs) -> Stack[EfsOutputs]:
    """The encrypted EFS file system with a mount target in each zone; its id is published in Parameter Store."""
    template = Template(Description=f"Shared file system of {env.cluster_name}")
    subnets = list_parameter(template, "SubnetIds", "Private subnets, the first of each zone first")
    group = text_parameter(template, "SecurityGroupId", "Who may mount the file system")
    files = template.add_resource(_file_system(env))
    for index, suffix in enumerate(_zone_suffixes(env)):
        template.add_resource(
            elastic.MountTarget(
                f"MountTarget{suffix}",
                FileSystemId=Ref(files),
                SubnetId=Select(index, subnets),
                SecurityGroups=[group],
            )
        )
    access_point = template.add_resource(_access_point(env))
    template.add_resource(
        ssm.Parameter(
            "FileSystemParameter",
            Name=env.efs_parameter,
            Type="String",
            Value=Ref(files),
            Description=f"EFS file system of {env.cluster_name}",
        )
    )
    add_outputs(template, EfsOutputs, file_system_id=Ref(files), access_point_id=Ref(access_point))
    return Stack[EfsOutputs](
        template=template.to_dict(),
        parameters={
            "SubnetIds": ",".join(network.private_subnet_ids),
            "SecurityGroupId": security_groups.efs_security_group_id,
        },
        tags=stack_tags(env),
    )


def _zone_suffixes(env: Environment) -> list[str]:
    """One a mount target, from what the environment says: a template cannot depend on what is known only later.
    The letters keep each mount target with its zone when another zone is added."""
    if env.network.create is not None:
        return sorted(zone[-1].upper() for zone in env.network.create.zones)
    count = env.network.lookup.zones if env.network.lookup is not None else 2
    return [str(number + 1) for number in range(count)]


def _file_system(env: Environment) -> elastic.FileSystem:
    policies: list[Any] = [
        elastic.LifecyclePolicy(TransitionToIA="AFTER_30_DAYS"),
        elastic.LifecyclePolicy(TransitionToPrimaryStorageClass="AFTER_1_ACCESS"),
    ]
    return elastic.FileSystem(
        "FileSystem",
        Encrypted=True,
        PerformanceMode="generalPurpose",
        ThroughputMode="elastic",
        BackupPolicy=elastic.BackupPolicy(Status="ENABLED"),
        LifecyclePolicies=policies,
        FileSystemTags=Tags(Name=f"{env.resource_prefix}-efs"),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )


def _access_point(env: Environment) -> elastic.AccessPoint:
    return elastic.AccessPoint(
        "AccessPoint",
        FileSystemId=Ref("FileSystem"),
        PosixUser=elastic.PosixUser(Uid="1000", Gid="1000"),
        RootDirectory=elastic.RootDirectory(
            Path="/applications",
            CreationInfo=elastic.CreationInfo(OwnerUid="1000", OwnerGid="1000", Permissions="0750"),
        ),
        AccessPointTags=Tags(Name=f"{env.resource_prefix}-applications"),
    )
