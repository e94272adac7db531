"""What a managed node group is made of: its taints, role, updates, repair and reserved capacity."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from resources.config.eksctl.base import ConfigModel
from resources.config.eksctl.labels import LabelKey, LabelValue
from resources.config.field_types import Arn


class Taint(ConfigModel):
    """Keeps pods away that do not tolerate it."""

    key: LabelKey
    value: LabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class NodeGroupIam(ConfigModel):
    """The nodes' role: one that exists, or a new one with further policies beyond those that every node needs."""

    attach_policy_arns: tuple[Arn, ...] = ()
    instance_role_arn: Arn | None = None

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


class NodeRepairConfig(ConfigModel):
    """Whether EKS replaces nodes that report themselves unhealthy."""

    enabled: bool = False


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
    """What may be said of SSH to nodes: that there is none. Session Manager reaches every node."""

    allow: Literal[False] = False
    enable_ssm: Literal[True] = True
