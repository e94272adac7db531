"""What is data, by CloudFormation type: why it is kept, what it holds, and how it goes where it has to.

Source: API references of EFS, S3, KMS, CloudWatch Logs, Secrets Manager, Route 53 and EC2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import AccessDenied, NotFound, OperationFailed, Transient
from resources.model.removal import Kept, Removed
from resources.prices import monthly_cost
from resources.support.polling import Poll, wait_until

RECOVERY_DAYS = 7  # the shortest that KMS and Secrets Manager offer
_GIGABYTE = 10**9
_DEADLINE = 600.0  # seconds until mount targets are gone

Act = Callable[[Context, str], None]


@dataclass(frozen=True)
class DataKind:
    """A type of resource that holds data. All functions take the physical id.

    `why`: why it is kept. `is_there`: whether it exists and does not wait for its deletion. `remove`: ends it; what it
    holds is gone by then. `empty`: takes out what AWS wants out first. `gigabytes`: how much it holds, None where that
    cannot be asked cheaply. `how`: how it goes, where that is worth a word."""

    why: str
    is_there: Callable[[Context, str], bool]
    remove: Act
    empty: Act | None = None
    gigabytes: Callable[[Context, str], float | None] | None = None
    how: str = ""


def describe_kept(kind: str, physical_id: str, context: Context) -> Kept:
    """What is kept of data, with why and its monthly cost."""
    data, size = DATA[kind], None
    if data.gigabytes is not None:
        with suppress(AccessDenied, NotFound, Transient):
            size = data.gigabytes(context, physical_id)
    return Kept(f"{kind} {physical_id}", data.why, monthly_cost(kind, size))


def describe_removed(kind: str, physical_id: str) -> Removed:
    """The data that goes, with how."""
    return Removed(f"{kind} {physical_id}", DATA[kind].how)


def is_there(kind: str, physical_id: str, context: Context) -> bool:
    """Whether the data exists and does not wait for its deletion."""
    try:
        return DATA[kind].is_there(context, physical_id)
    except NotFound:
        return False


def empty_data(kind: str, physical_id: str, context: Context) -> None:
    """Take out what AWS wants out before the resource can be deleted. Harmless where it is gone."""
    data = DATA[kind]
    if data.empty is not None and is_there(kind, physical_id, context):
        context.progress(f"{kind} {physical_id}: emptying it")
        with suppress(NotFound):
            data.empty(context, physical_id)


def remove_data(kind: str, physical_id: str, context: Context) -> None:
    """Empty and remove it. Harmless where it is gone or waits for its deletion. Raises OperationFailed, WaitTimeout."""
    if not is_there(kind, physical_id, context):
        return
    empty_data(kind, physical_id, context)
    data = DATA[kind]
    context.progress(f"{kind} {physical_id}: {data.how or 'deleting it'}")
    context.before_change()
    with suppress(NotFound), aws_call(f"deleting {kind} {physical_id}"):
        data.remove(context, physical_id)


def _client(context: Context, service: str) -> Any:
    client: Any = context.aws.client
    return client(service)


def _file_system(context: Context, identifier: str) -> dict[str, Any]:
    with aws_call(f"describing the file system {identifier}"):
        systems = _client(context, "efs").describe_file_systems(FileSystemId=identifier)["FileSystems"]
    return dict(systems[0])


def _unmount(context: Context, identifier: str) -> None:
    """A file system's mount targets, which somebody has made by hand: those of its stack are gone."""
    client = _client(context, "efs")

    def targets() -> list[str]:
        with aws_call(f"listing the mount targets of {identifier}"):
            listed = client.describe_mount_targets(FileSystemId=identifier)["MountTargets"]
        return [target["MountTargetId"] for target in listed]

    def poll() -> Poll[bool]:
        left = targets()
        return Poll(None if left else True, f"mount targets left: {', '.join(left)}")

    for target in targets():
        context.before_change()
        with suppress(NotFound), aws_call(f"deleting the mount target {target}"):
            client.delete_mount_target(MountTargetId=target)
    wait_until(poll, what=f"file system {identifier}", deadline=_DEADLINE, interval=5, progress=context.progress)


def _is_file_system(context: Context, identifier: str) -> bool:
    return _file_system(context, identifier)["LifeCycleState"] not in ("deleting", "deleted")


def _is_bucket(context: Context, name: str) -> bool:
    with aws_call(f"looking for the bucket {name}"):
        _client(context, "s3").head_bucket(Bucket=name)
    return True


def _bucket_size(context: Context, name: str) -> float | None:
    """The size of what is in a bucket that one request lists; None where there is more."""
    with aws_call(f"listing the bucket {name}"):
        page = _client(context, "s3").list_object_versions(Bucket=name)
    if page.get("IsTruncated"):
        return None
    return float(sum(version["Size"] for version in page.get("Versions", ()))) / _GIGABYTE


def _versions(client: Any, name: str) -> Iterator[list[dict[str, str]]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]


def _empty_bucket(context: Context, name: str) -> None:
    client = _client(context, "s3")
    with aws_call(f"emptying the bucket {name}"):
        for objects in _versions(client, name):
            context.before_change()
            answer = client.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                first = errors[0]
                raise OperationFailed(
                    f"bucket {name}: {first['Key']} cannot be deleted: AWS says {first['Code']}: {first['Message']}",
                    next_step="an object under Object Lock stays until its day: destroy again after it",
                )
        for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", ()):
            context.before_change()
            client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])


def _is_key(context: Context, identifier: str) -> bool:
    with aws_call(f"describing the key {identifier}"):
        state = _client(context, "kms").describe_key(KeyId=identifier)["KeyMetadata"]["KeyState"]
    return state not in ("PendingDeletion", "PendingReplicaDeletion")


def _schedule_key(context: Context, identifier: str) -> None:
    _client(context, "kms").schedule_key_deletion(KeyId=identifier, PendingWindowInDays=RECOVERY_DAYS)


def _log_group(context: Context, name: str) -> dict[str, Any]:
    with aws_call(f"describing the log group {name}"):
        groups = _client(context, "logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    group = next((group for group in groups if group["logGroupName"] == name), None)
    if group is None:
        raise NotFound(f"there is no log group {name}")
    return dict(group)


def _is_secret(context: Context, arn: str) -> bool:
    with aws_call(f"describing the secret {arn}"):
        return "DeletedDate" not in _client(context, "secretsmanager").describe_secret(SecretId=arn)


def _delete_secret(context: Context, arn: str) -> None:
    _client(context, "secretsmanager").delete_secret(SecretId=arn, RecoveryWindowInDays=RECOVERY_DAYS)


def _is_zone(context: Context, identifier: str) -> bool:
    with aws_call(f"describing the hosted zone {identifier}"):
        _client(context, "route53").get_hosted_zone(Id=identifier)
    return True


def _empty_zone(context: Context, identifier: str) -> None:
    """All records but the zone's own, which Route 53 made and deletes with it."""
    client = _client(context, "route53")
    with aws_call(f"emptying the hosted zone {identifier}"):
        apex = client.get_hosted_zone(Id=identifier)["HostedZone"]["Name"]
        pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=identifier)
        records = [
            record
            for page in pages
            for record in page["ResourceRecordSets"]
            if record["Type"] not in ("NS", "SOA") or record["Name"] != apex
        ]
        for start in range(0, len(records), 100):
            context.before_change()
            changes = [{"Action": "DELETE", "ResourceRecordSet": record} for record in records[start : start + 100]]
            client.change_resource_record_sets(HostedZoneId=identifier, ChangeBatch={"Changes": changes})


def _volume(context: Context, identifier: str) -> dict[str, Any]:
    with aws_call(f"describing the volume {identifier}"):
        return dict(_client(context, "ec2").describe_volumes(VolumeIds=[identifier])["Volumes"][0])


def _snapshot(context: Context, identifier: str) -> dict[str, Any]:
    with aws_call(f"describing the snapshot {identifier}"):
        return dict(_client(context, "ec2").describe_snapshots(SnapshotIds=[identifier])["Snapshots"][0])


_WINDOW = f"is deleted after {RECOVERY_DAYS} days, until when it can be restored"
DATA: Mapping[str, DataKind] = {
    "AWS::EFS::FileSystem": DataKind(
        "data: what the applications keep",
        _is_file_system,
        lambda context, name: _client(context, "efs").delete_file_system(FileSystemId=name),
        empty=_unmount,
        gigabytes=lambda context, name: _file_system(context, name)["SizeInBytes"]["Value"] / _GIGABYTE,
    ),
    "AWS::S3::Bucket": DataKind(
        "data: its objects",
        _is_bucket,
        lambda context, name: _client(context, "s3").delete_bucket(Bucket=name),
        empty=_empty_bucket,
        gigabytes=_bucket_size,
        how="all versions of all objects go with it",
    ),
    "AWS::KMS::Key": DataKind(
        "without it nobody can read what it encrypts",
        _is_key,
        _schedule_key,
        how=f"is scheduled for deletion in {RECOVERY_DAYS} days, until when it can be kept (CancelKeyDeletion)",
    ),
    "AWS::Logs::LogGroup": DataKind(
        "data: the record of what happened",
        lambda context, name: bool(_log_group(context, name)),
        lambda context, name: _client(context, "logs").delete_log_group(logGroupName=name),
        gigabytes=lambda context, name: _log_group(context, name).get("storedBytes", 0) / _GIGABYTE,
    ),
    "AWS::SecretsManager::Secret": DataKind("data: its value", _is_secret, _delete_secret, how=_WINDOW),
    "AWS::Route53::HostedZone": DataKind(
        "its parent domain names its name servers, which another zone would not have",
        _is_zone,
        lambda context, name: _client(context, "route53").delete_hosted_zone(Id=name),
        empty=_empty_zone,
        how="its records go with it; the parent domain has to name the name servers of the next one",
    ),
    "AWS::EC2::Volume": DataKind(
        "data: a volume of the cluster",
        lambda context, name: _volume(context, name)["State"] not in ("deleting", "deleted"),
        lambda context, name: _client(context, "ec2").delete_volume(VolumeId=name),
        gigabytes=lambda context, name: float(_volume(context, name)["Size"]),
    ),
    "AWS::EC2::Snapshot": DataKind(
        "data: a snapshot of a volume of the cluster",
        lambda context, name: bool(_snapshot(context, name)),
        lambda context, name: _client(context, "ec2").delete_snapshot(SnapshotId=name),
        gigabytes=lambda context, name: float(_snapshot(context, name)["VolumeSize"]),
    ),
}
