"""What the deployer may do beside stacks for an upgrade of the cluster."""

from __future__ import annotations

from resources.cloudformation import Document, allow, build_arn, cluster_arn
from resources.config.environment import Environment


def upgrade_rights(env: Environment) -> list[Document]:
    """To take EKS's own update with an upgrade that is given up; where the environment names a vault, to start a backup
    of the cluster and see how it goes."""
    cancel = allow(["eks:CancelUpdate"], cluster_arn(env))
    if env.upgrade is None or env.upgrade.backup is None:
        return [cancel]
    role = build_arn(env, "iam", "role/service-role/AWSBackupDefaultServiceRole", region="")
    return [
        cancel,
        allow(["backup:StartBackupJob"], build_arn(env, "backup", f"backup-vault:{env.upgrade.backup}")),
        allow(["backup:DescribeBackupJob"]),
        allow(["iam:PassRole"], role, StringEquals={"iam:PassedToService": "backup.amazonaws.com"}),
    ]
