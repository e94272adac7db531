"""The base of all ClusterConfig models: snake_case attributes here, eksctl's spelling in the file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

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
    "imds": "IMDS",
    "iops": "IOPS",
    "oidc": "OIDC",
}

PolicyDocument = dict[str, Any]


def later_field(default: Any, **more: Any) -> Any:
    """A field that came after digests of configs were recorded: it is left out of the form that they are made of while
    it has its default, so that nothing is deployed again because the program knows more."""
    return Field(default=default, exclude_if=lambda value: value == default, **more)


def eksctl_name(attribute: str) -> str:
    """`public_access_cidrs` as eksctl writes it: `publicAccessCIDRs`."""
    first, *rest = attribute.split("_")
    return first + "".join(_CAPITALS.get(word, word.capitalize()) for word in rest)


class ConfigModel(BaseModel):
    """Frozen; keys are eksctl's; a field that we do not support is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=eksctl_name)
