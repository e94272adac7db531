"""What a managed node group is made of: its taints, role, updates, repair and reserved capacity."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from resources.config.eksctl.base import ConfigModel, later_field
from resources.config.eksctl.labels import LabelKey, LabelValue
from resources.config.eksctl.node_policies import NodePolicies
from resources.config.field_types import Arn, SecurityGroupId


class Taint(ConfigModel):
    """Keeps pods away that do not tolerate it."""

    key: LabelKey
    value: LabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


def list_taints(value: object) -> object:
    """`{KEY: "VALUE:EFFECT"}`, as eksctl has taints of unmanaged groups, as the list of managed ones; anything else as
    it is. Source: eksctl, "Taints"."""
    if not isinstance(value, dict) or not all(":" in str(taint) for taint in value.values()):
        return value
    pairs = {key: str(taint).rpartition(":") for key, taint in value.items()}
    return [{"key": key, "value": text, "effect": effect} for key, (text, _, effect) in pairs.items()]


class NodeGroupIam(ConfigModel):
    """The nodes' role: one that exists, or a new one with further policies beyond those that every node needs."""

    attach_policy_arns: tuple[Arn, ...] = ()
    instance_role_arn: Arn | None = None
    with_addon_policies: NodePolicies = later_field(NodePolicies())

    @model_validator(mode="after")
    def _new_or_existing(self) -> Self:
        if self.attach_policy_arns and self.instance_role_arn:
            raise ValueError("has attachPolicyARNs and instanceRoleARN; allowed: one of them")
        return self


class UpdateConfig(ConfigModel):
    """How many nodes may be missing while the group is updated: a number or a percentage."""

    max_unavailable: int | None = Field(default=None, ge=1, le=100)
    max_unavailable_percentage: int | None = Field(default=None, ge=1, le=100)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.max_unavailable is None) == (self.max_unavailable_percentage is None):
            raise ValueError("allowed: exactly one of maxUnavailable and maxUnavailablePercentage")
        return self


# eksctl's example has its own words for what EKS calls otherwise.
_REPAIRS = {"Terminate": "Replace", "Restart": "Reboot"}


class NodeRepairOverride(ConfigModel):
    """What is done about one condition of the node monitoring agent."""

    node_monitoring_condition: str
    node_unhealthy_reason: str
    min_repair_wait_time_mins: int = Field(ge=1, description="minutes, at least 1")
    repair_action: Annotated[
        Literal["Replace", "Reboot", "NoAction"], BeforeValidator(lambda word: _REPAIRS.get(str(word), word))
    ]


class NodeRepairConfig(ConfigModel):
    """Whether EKS replaces nodes that report themselves unhealthy; how many at a time, and from how many unhealthy ones
    on it no longer does: a number or a percentage each."""

    enabled: bool = False
    max_unhealthy_node_threshold_count: int | None = later_field(None, ge=1)
    max_unhealthy_node_threshold_percentage: int | None = later_field(None, ge=1, le=100)
    max_parallel_nodes_repaired_count: int | None = later_field(None, ge=1)
    max_parallel_nodes_repaired_percentage: int | None = later_field(None, ge=1, le=100)
    node_repair_config_overrides: tuple[NodeRepairOverride, ...] = later_field(())

    @model_validator(mode="after")
    def _number_or_percentage(self) -> Self:
        unhealthy = (self.max_unhealthy_node_threshold_count, self.max_unhealthy_node_threshold_percentage)
        parallel = (self.max_parallel_nodes_repaired_count, self.max_parallel_nodes_repaired_percentage)
        for what, pair in (("UnhealthyNodeThreshold", unhealthy), ("ParallelNodesRepaired", parallel)):
            if None not in pair:
                raise ValueError(f"has max{what}Count and max{what}Percentage; allowed: one of them")
        if not self.enabled and (any((*unhealthy, *parallel)) or self.node_repair_config_overrides):
            raise ValueError("says how nodes are repaired, and that they are not; allowed: enabled: true")
        return self


class CapacityReservationTarget(ConfigModel):
    """The reservation that the nodes are taken from."""

    capacity_reservation_id: str | None = Field(default=None, alias="capacityReservationID", pattern=r"^cr-[0-9a-f]+$")
    capacity_reservation_resource_group_arn: Arn | None = Field(
        default=None, alias="capacityReservationResourceGroupARN"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.capacity_reservation_id is None) == (self.capacity_reservation_resource_group_arn is None):
            raise ValueError("allowed: exactly one of capacityReservationID and capacityReservationResourceGroupARN")
        return self


class CapacityReservation(ConfigModel):
    """Whether the nodes use capacity that was reserved."""

    capacity_reservation_preference: Literal["open", "none"] | None = None
    capacity_reservation_target: CapacityReservationTarget | None = None

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.capacity_reservation_preference and self.capacity_reservation_target:
            raise ValueError("allowed: capacityReservationPreference or capacityReservationTarget, not both")
        return self


class Ssh(ConfigModel):
    """How people log in to nodes beside Session Manager, which reaches every node. `public_key_name`: a key pair that
    exists in EC2; `allow` opens port 22 to the VPC, and to `source_security_group_ids` alone where there are any."""

    allow: bool = False
    public_key_name: str | None = later_field(
        None, pattern=r"^[ -~]{1,255}$", description="the name of a key pair of EC2"
    )
    source_security_group_ids: tuple[SecurityGroupId, ...] = later_field((), alias="sourceSecurityGroupIds")
    enable_ssm: Literal[True] = True

    @model_validator(mode="after")
    def _somebody_gets_in(self) -> Self:
        if self.allow and not self.public_key_name:
            command = "aws ec2 import-key-pair --key-name NAME --public-key-material fileb://KEY.pub"
            raise ValueError(f"allows SSH and names no key; allowed: publicKeyName, a key pair of EC2 ({command})")
        if self.source_security_group_ids and not self.allow:
            raise ValueError("has sourceSecurityGroupIds, which have no effect; allowed: with allow: true")
        return self


class Placement(ConfigModel):
    """The placement group that the nodes are started in; it exists already."""

    group_name: str = Field(pattern=r"^[ -~]{1,255}$", description="the name of a placement group")


class NodeSecurityGroups(ConfigModel):
    """Further groups of the nodes, beside the cluster's and the environment's own. EC2 takes five in all."""

    attach_ids: tuple[SecurityGroupId, ...] = Field(default=(), max_length=3)


class AdditionalVolume(ConfigModel):
    """A further volume of each node, under a device's name."""

    volume_name: str = Field(pattern=r"^/dev/(sd|xvd)[b-z]{1,2}$", description="a device, such as /dev/xvdb")
    volume_size: int = Field(ge=1, le=16384, description="GiB, from 1 to 16384")
    volume_type: Literal["gp2", "gp3", "io1", "io2", "st1", "sc1"] = "gp3"
    volume_iops: int | None = Field(default=None, ge=100, le=256000)
    volume_throughput: int | None = Field(default=None, ge=125, le=2000, description="MiB/s, from 125 to 2000")
    volume_encrypted: bool = True
    volume_kms_key_id: str | None = None
    snapshot_id: str | None = Field(default=None, pattern=r"^snap-[0-9a-f]+$")
