"""Where an environment stands in the network: its DNS zone, and a VPC of its own or one that exists."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from resources.config.field_types import Cidr, Model, RoleArn, ServiceNames, Zone

CREATED_OR_EXISTING = "allowed: either create: true, or the id of a zone that exists"
CREATE_OR_LOOKUP = "allowed: exactly one of create and lookup (lookup: {} finds the VPC by its Name tag)"


class HostedZone(Model):
    """The DNS zone of the applications. `create`: this environment owns the zone; else `id` names an existing one.
    `role`: the role in the zone's own account that ExternalDNS assumes (cross-account)."""

    name: str = Field(
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$",
        description="a domain in lower case without a dot at its end, such as apps.example.com",
    )
    create: bool = False
    id: str | None = Field(default=None, pattern=r"^Z[A-Z0-9]{1,31}$", description="a zone id, such as Z0123456789ABC")
    role: RoleArn | None = None

    @model_validator(mode="after")
    def _created_or_existing(self) -> Self:
        if self.create == (self.id is not None):
            raise ValueError(CREATED_OR_EXISTING)
        return self


class CreateNetwork(Model):
    """A VPC of our own. `nat`: one gateway for all zones, or one a zone. `endpoints`: AWS services that are reached
    privately."""

    cidr: Cidr
    zones: tuple[Zone, ...] = Field(min_length=2, max_length=4, description="two to four availability zones")
    nat: Literal["single", "per_zone"] = "single"
    endpoints: ServiceNames = ()
    flow_log_days: int = Field(default=30, ge=1)


class LookupNetwork(Model):
    """A VPC that exists, found by its tags; default: the Name tag `<prefix>-vpc`. `zones`: how many of its availability
    zones get a mount target of the file system."""

    tags: dict[str, str] = Field(default={})
    zones: int = Field(default=2, ge=2, le=6, description="two to six availability zones")


class Network(Model):
    """Exactly one of `create` and `lookup`."""

    create: CreateNetwork | None = None
    lookup: LookupNetwork | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.create is None) == (self.lookup is None):
            raise ValueError(CREATE_OR_LOOKUP)
        return self
