"""EKS capabilities: controllers that AWS runs outside of the cluster.

Source: EKS user guide, "EKS Capabilities"; CloudFormation, AWS::EKS::Capability; eksctl, `capabilities`.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from resources.config.eksctl.base import ConfigModel, PolicyDocument
from resources.config.eksctl.iam import AccessPolicy
from resources.config.eksctl.labels import Tags
from resources.config.field_types import Arn, PolicyArn, RoleArn


class Capability(ConfigModel):
    """AWS Controllers for Kubernetes (ACK) or kro, and the role that it acts as: one that exists, or a new one with
    these policies. `access_policies`: what it may do in the cluster beyond what EKS gives it. What it manages stays
    when it goes."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", description="letters, digits, - and _")
    type: Literal["ACK", "KRO"]
    role_arn: RoleArn | None = Field(default=None, alias="roleArn")
    delete_propagation_policy: Literal["RETAIN"] = "RETAIN"
    attach_policy_arns: tuple[Arn, ...] = ()
    attach_policy: PolicyDocument | None = None
    permissions_boundary: PolicyArn | None = None
    access_policies: tuple[AccessPolicy, ...] = ()
    tags: Tags = Field(default={})

    @model_validator(mode="after")
    def _new_or_existing(self) -> Self:
        if self.role_arn and (self.attach_policy_arns or self.attach_policy or self.permissions_boundary):
            raise ValueError("has roleArn and what only a new role has; allowed: one of them")
        return self
