"""Networks outside of AWS in which nodes of the cluster and their pods are.

Source: EKS user guide, "Prepare networking for hybrid nodes"; CloudFormation, AWS::EKS::Cluster
RemoteNetworkConfig; eksctl, `remoteNetworkConfig`.
"""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Literal, Self

from pydantic import Field, model_validator

from resources.config.eksctl.base import ConfigModel
from resources.config.field_types import Cidr, RoleArn

_PRIVATE = [
    ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
]


class RemoteNetwork(ConfigModel):
    """A network, as blocks of addresses."""

    cidrs: tuple[Cidr, ...] = Field(min_length=1)


class RemoteNodesIam(ConfigModel):
    """Who hands credentials to the nodes, and for which role; None: a new one."""

    provider: Literal["SSM"] = "SSM"
    role_arn: RoleArn | None = None


class RemoteNetworkConfig(ConfigModel):
    """The networks of hybrid nodes and of their pods. The way there from the VPC is one's own: gateway and routes."""

    iam: RemoteNodesIam = RemoteNodesIam()
    remote_node_networks: tuple[RemoteNetwork, ...] = Field(min_length=1, max_length=15)
    remote_pod_networks: tuple[RemoteNetwork, ...] = Field(default=(), max_length=15)

    @property
    def blocks(self) -> tuple[ipaddress.IPv4Network, ...]:
        """All of their addresses."""
        networks = (*self.remote_node_networks, *self.remote_pod_networks)
        return tuple(ipaddress.IPv4Network(cidr) for network in networks for cidr in network.cidrs)

    @model_validator(mode="after")
    def _eks_accepts_them(self) -> Self:
        for block in self.blocks:
            if not any(block.subnet_of(private) for private in _PRIVATE):
                raise ValueError(f"{block} is not private; allowed: blocks in {', '.join(map(str, _PRIVATE))}")
        for one, other in combinations(self.blocks, 2):
            if one.overlaps(other):
                raise ValueError(f"{other} overlaps {one}; allowed: blocks without a common address")
        return self
