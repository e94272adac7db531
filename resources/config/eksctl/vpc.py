"""The network that a cluster joins, and the addresses that it uses itself."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from resources.config.eksctl.base import ConfigModel, later_field
from resources.config.field_types import Cidr, SecurityGroupId, SubnetId, Zone


class Subnet(ConfigModel):
    """A subnet that exists. `cidr` and `az` (where the key is no zone) only document it."""

    id: SubnetId
    cidr: Cidr | None = None
    az: Zone | None = None


class Subnets(ConfigModel):
    """Subnets of a VPC that exists, by zone or by a name of your own. The control plane takes all of them (unless
    `vpc.controlPlaneSubnetIDs` names others), nodes and Fargate pods the private ones."""

    public: dict[str, Subnet] = Field(default={})
    private: dict[str, Subnet] = Field(default={})

    @property
    def private_ids(self) -> tuple[str, ...]:
        return tuple(subnet.id for subnet in self.private.values())

    @property
    def ids(self) -> tuple[str, ...]:
        return self.private_ids + tuple(subnet.id for subnet in self.public.values())

    @model_validator(mode="after")
    def _nodes_have_a_place(self) -> Self:
        if self.public and not self.private:
            raise ValueError("has public subnets alone; allowed: private ones too, where nodes go")
        return self

    @field_validator("public", "private")
    @classmethod
    def _two_zones(cls, value: dict[str, Subnet]) -> dict[str, Subnet]:
        zones = {subnet.az or name for name, subnet in value.items()}
        if len(zones) == 1:
            raise ValueError(f"lies in one zone, {zones.pop()}; allowed: subnets in two or more zones")
        return value


class ClusterEndpoints(ConfigModel):
    """From where the API server is reached. eksctl's default: from anywhere."""

    public_access: bool = True
    private_access: bool = False

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not (self.public_access or self.private_access):
            raise ValueError("leaves no way to the API server; allowed: publicAccess or privateAccess, or both")
        return self


class Vpc(ConfigModel):
    """The network the cluster joins. The VPC itself is the environment's `network`: `id` may only be `${VPC_ID}`
    or its id. Without subnets the cluster takes the private ones of that VPC. `extra_cidrs`: addresses that may reach
    the API server inside of the VPC, beside the cluster's own nodes: those of the pipeline, a VPN, a peered VPC."""

    id: str | None = None
    subnets: Subnets = Subnets()
    cluster_endpoints: ClusterEndpoints = ClusterEndpoints()
    # EKS takes no more, and the quota cannot be raised.
    public_access_cidrs: tuple[Cidr, ...] = Field(default=(), max_length=40, alias="publicAccessCIDRs")
    extra_cidrs: tuple[Cidr, ...] = later_field((), alias="extraCIDRs")
    control_plane_subnet_ids: tuple[SubnetId, ...] = Field(default=(), alias="controlPlaneSubnetIDs")
    control_plane_on_private_subnets: bool = later_field(False)
    # EKS takes five, its own among them.
    control_plane_security_group_ids: tuple[SecurityGroupId, ...] = later_field((), max_length=4)
    control_plane_egress_mode: Literal["AWS_MANAGED", "CUSTOMER_ROUTED", "CUSTOMER_ISOLATED"] | None = later_field(None)

    @field_validator("control_plane_subnet_ids")
    @classmethod
    def _not_one(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) == 1:
            raise ValueError("has one subnet; allowed: two or more, in different zones")
        return value


class KubernetesNetworkConfig(ConfigModel):
    """Addresses of Services. Neither can be changed once the cluster exists."""

    ip_family: Literal["IPv4"] = "IPv4"
    service_ipv4_cidr: Cidr | None = None
