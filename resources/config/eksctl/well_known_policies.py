"""What eksctl's `wellKnownPolicies` grant: AWS managed policies, and statements of its own.

Source: eksctl, pkg/cfn/builder (iam_helper.go, statement.go).
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from resources.config.eksctl.base import ConfigModel, later_field
from resources.config.pod_identities import POD_IDENTITIES

_MANAGED = {
    "image_builder": "AmazonEC2ContainerRegistryPowerUser",
    "ebs_csi_controller": "service-role/AmazonEBSCSIDriverPolicy",
    "efs_csi_controller": "service-role/AmazonEFSCSIDriverPolicy",
}
_ZONE_CHANGES = (("route53:ChangeResourceRecordSets",), "route53:::hostedzone/*")
# Attribute of WellKnownPolicies -> (actions, resource behind `arn:<partition>:`, or * for everything).
_STATEMENTS: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "auto_scaler": (
        (
            (
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeTags",
                "autoscaling:SetDesiredCapacity",
                "autoscaling:TerminateInstanceInAutoScalingGroup",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
                "eks:DescribeNodegroup",
            ),
            "*",
        ),
    ),
    "cert_manager": (
        _ZONE_CHANGES,
        (("route53:GetChange",), "route53:::change/*"),
        (("route53:ListResourceRecordSets", "route53:ListHostedZonesByName"), "*"),
    ),
    "external_dns": (
        _ZONE_CHANGES,
        (("route53:ListHostedZones", "route53:ListResourceRecordSets", "route53:ListTagsForResource"), "*"),
    ),
}


class WellKnownPolicies(ConfigModel):
    """Policies by the component that needs them."""

    image_builder: bool = False
    auto_scaler: bool = False
    external_dns: bool = False
    cert_manager: bool = False
    ebs_csi_controller: bool = Field(default=False, alias="ebsCSIController")
    efs_csi_controller: bool = Field(default=False, alias="efsCSIController")

    def enabled(self) -> tuple[str, ...]:
        """The attribute names that are switched on."""
        return tuple(name for name, on in self if on)


class AccountPolicies(WellKnownPolicies):
    """Of a service account of one's own. The load balancer controller's is a unit's, and may be said here, too."""

    aws_load_balancer_controller: bool = later_field(False)

    def belongs_to_a_unit(self, namespace: str, name: str, others: object) -> bool:
        """Whether the account has its role from the load balancer controller's unit. Raises ValueError where the policy
        is for another account, or beside others."""
        if not self.aws_load_balancer_controller:
            return False
        account = POD_IDENTITIES["aws_load_balancer_controller"]
        if (namespace, name) != tuple(account) or others or len(self.enabled()) > 1:
            raise ValueError(
                f"{namespace}/{name} has the policy of the load balancer controller, a unit with a role of its own; "
                f"allowed: that policy alone, for {'/'.join(account)}"
            )
        return True


def managed_policies(policies: WellKnownPolicies, partition: str) -> tuple[str, ...]:
    """The ARNs of the AWS managed policies that these stand for."""
    names = (_MANAGED[name] for name in policies.enabled() if name in _MANAGED)
    return tuple(f"arn:{partition}:iam::aws:policy/{name}" for name in names)


def inline_policy(policies: WellKnownPolicies, partition: str) -> dict[str, Any] | None:
    """The policy document of the statements that these stand for; None where managed policies say it all."""
    statements = [
        {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": resource if resource == "*" else f"arn:{partition}:{resource}",
        }
        for name in policies.enabled()
        for actions, resource in _STATEMENTS.get(name, ())
    ]
    return {"Version": "2012-10-17", "Statement": statements} if statements else None
