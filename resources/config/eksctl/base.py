"""The base of all ClusterConfig models: snake_case attributes here, eksctl's spelling in the file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

# eksctl writes these words in capitals when they are not the first word of a name.
_CAPITALS = {
    "arn": "ARN",
    "arns": "ARNs",
    "cidr": "CIDR",
    "cidrs": "CIDRs",
    "csi": "CSI",
    "dns": "DNS",
    "id": "ID",
    "ids": "IDs",
    "imdsv1": "IMDSv1",
    "ipv4": "IPv4",
    "iops": "IOPS",
    "oidc": "OIDC",
}

Tags = dict[str, str]
PolicyDocument = dict[str, Any]


def eksctl_name(attribute: str) -> str:
    """`public_access_cidrs` as eksctl writes it: `publicAccessCIDRs`."""
    first, *rest = attribute.split("_")
    return first + "".join(_CAPITALS.get(word, word.capitalize()) for word in rest)


class ConfigModel(BaseModel):
    """Frozen; keys are eksctl's; a field that we do not support is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=eksctl_name)
