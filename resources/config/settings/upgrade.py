"""What an environment says about upgrades of its cluster: how long each is watched, and what is backed up before."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from resources.config.field_types import Model

_SECONDS = {"s": 1, "m": 60, "h": 3600}
Bake = Annotated[
    str,
    Field(pattern=r"^(0|[1-9]\d{0,3})[smh]$", description='hours ("2h"), minutes ("30m") or seconds ("5s")'),
]
VaultName = Annotated[
    str, Field(pattern=r"^[a-zA-Z0-9_-]{2,50}$", description="the name of a vault of AWS Backup in the account")
]


class Upgrade(Model):
    """How the cluster is upgraded. `bake`: how long the checks are watched after the control plane and the add-ons of a
    minor version, before its nodes follow. `backup`: the vault that AWS Backup saves the cluster to before each minor
    version. `force`: whether nodes are replaced although a disruption budget keeps pods on them."""

    bake: Bake = "30m"
    backup: VaultName | None = None
    force: bool = False

    @property
    def bake_seconds(self) -> int:
        """How long the checks are watched, in seconds."""
        return int(self.bake[:-1]) * _SECONDS[self.bake[-1]]
