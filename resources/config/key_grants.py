"""The grant without which EC2 Auto Scaling starts no node whose volumes have a key of one's own. Pure.

Source: EC2 Auto Scaling user guide, "Required AWS KMS key policy for use with encrypted volumes".
"""

from __future__ import annotations

_OPERATIONS = (
    "Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext DescribeKey CreateGrant"
)


def scaling_role(account: str = "ACCOUNT", partition: str = "aws") -> str:
    """The ARN of EC2 Auto Scaling's service-linked role."""
    path = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    return f"arn:{partition}:iam::{account}:{path}"


def scaling_grant(key: str, grantee: str = scaling_role()) -> str:
    """The command that makes the grant."""
    return f"aws kms create-grant --key-id {key} --grantee-principal {grantee} --operations {_OPERATIONS}"
