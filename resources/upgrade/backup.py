"""A backup of an EKS cluster by AWS Backup, started and waited for.

Source: AWS Backup API, StartBackupJob (`IdempotencyToken`: the same token is the same job), DescribeBackupJob; AWS
Backup developer guide, "Amazon EKS backups".
"""

from __future__ import annotations

from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import OperationFailed
from resources.support.polling import Poll, wait_until

_ROLE = "service-role/AWSBackupDefaultServiceRole"
_DEADLINE = 6 * 3600.0
_INTERVAL = 30.0
_FAILED = ("ABORTED", "ABORTING", "FAILED", "EXPIRED", "PARTIAL")


def back_up_cluster(context: Context, vault: str, token: str) -> str:
    """The recovery point of the environment's cluster in the vault. Called again with the same `token` it waits for
    the same backup. Raises OperationFailed with what AWS says of a backup that failed, WaitTimeout, NotFound,
    AccessDenied, Transient."""
    env = context.env
    arn = f"arn:{env.partition}:eks:{env.region}:{env.account}:cluster/{env.cluster_name}"
    client: Any = context.aws.client("backup")
    context.before_change()
    with aws_call(f"starting a backup of the EKS cluster {env.cluster_name}"):
        job = client.start_backup_job(
            BackupVaultName=vault,
            ResourceArn=arn,
            IamRoleArn=f"arn:{env.partition}:iam::{env.account}:role/{_ROLE}",
            IdempotencyToken=token,
        )["BackupJobId"]

    def poll() -> Poll[Any]:
        with aws_call(f"describing a backup of the EKS cluster {env.cluster_name}"):
            answer = client.describe_backup_job(BackupJobId=job)
        done = answer["State"] == "COMPLETED" or answer["State"] in _FAILED
        return Poll(answer if done else None, f"{answer['State']} {answer.get('PercentDone', '')}".strip())

    ended = wait_until(poll, what=f"backup {job}", deadline=_DEADLINE, interval=_INTERVAL, progress=context.progress)
    if ended["State"] != "COMPLETED":
        raise OperationFailed(
            f"the backup {job} of the EKS cluster {env.cluster_name} ended {ended['State']}: "
            f"{ended.get('StatusMessage', 'no reason given')}",
            next_step=f"aws backup describe-backup-job --backup-job-id {job}; put it right, and go on",
        )
    return str(ended.get("RecoveryPointArn", job))
