"""An OpenID Connect provider whose users Kubernetes knows, beside IAM.

Source: EKS user guide, "Grant users access to Kubernetes with an external OIDC provider"; CloudFormation,
AWS::EKS::IdentityProviderConfig; eksctl, `identityProviders`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from resources.config.eksctl.base import ConfigModel
from resources.config.eksctl.labels import Tags

Claim = Annotated[str, Field(min_length=1, max_length=253)]


def _not_of_kubernetes(prefix: str) -> str:
    if prefix.startswith("system:"):
        raise ValueError(f"{prefix} begins with system:, which is Kubernetes' own; allowed: another prefix")
    return prefix


Prefix = Annotated[str, Field(min_length=1), AfterValidator(_not_of_kubernetes)]


class IdentityProvider(ConfigModel):
    """Whose tokens the API server takes, and which of their claims are the user and the groups. EKS reaches
    `issuer_url` over the internet. All of it is fixed once it is made."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", description="letters, digits, - and _")
    type: Literal["oidc"]
    issuer_url: str = Field(
        alias="issuerURL",
        pattern=r"^https://[A-Za-z0-9.-]+(/[^\s?#]*)?$",
        description="the address of the issuer, https:// without a port",
    )
    client_id: str = Field(min_length=1)
    username_claim: Claim | None = None
    username_prefix: Prefix | None = None
    groups_claim: Claim | None = None
    groups_prefix: Prefix | None = None
    required_claims: dict[Claim, Claim] = Field(default={})
    tags: Tags = Field(default={})
