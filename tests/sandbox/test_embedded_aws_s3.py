"""Contract of the embedded AWS on objects that a key, a condition or a lock protects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.helpers.embedded_aws_server import Aws, get, policy, ref, refused, resource

OBJECT = {"Key": "requests/1", "Body": b"first"}
LOCKED = "Access Denied because object protected by object lock."


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


def user(aws: Aws, name: str, *statements: dict[str, Any]) -> Any:
    """S3 as a new user with these statements."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    for index, statement in enumerate(statements):
        iam.put_user_policy(UserName=name, PolicyName=f"p{index}", PolicyDocument=json.dumps(statement))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return aws.client("s3", key["AccessKeyId"], key["SecretAccessKey"])


def arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}/*"


def deploy_bucket(aws: Aws, name: str, **properties: Any) -> str:
    aws.deploy(f"stack-{name}", {"Bucket": resource("S3::Bucket", BucketName=name, **properties)})
    return name


def test_a_bucket_of_a_stack_encrypts_with_the_key_it_names_and_a_key_in_no_use_closes_it(aws: Aws) -> None:
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": get("Key", "Arn")}
    encryption = {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": by_default}]}
    root = policy("kms:*", Principal={"AWS": "arn:aws:iam::000000000000:root"}, Resource="*")
    made = aws.deploy(
        "encrypted",
        {
            "Key": resource("KMS::Key", KeyPolicy=root),
            "Bucket": resource("S3::Bucket", BucketName="encrypted", BucketEncryption=encryption),
        },
    )
    kms, s3, bucket = aws.client("kms"), aws.client("s3"), {"Bucket": made["Bucket"]}
    key = kms.describe_key(KeyId=made["Key"])["KeyMetadata"]["Arn"]
    assert s3.put_object(**bucket, **OBJECT)["SSEKMSKeyId"] == key
    source = {"Bucket": "encrypted", "Key": OBJECT["Key"]}
    operations: list[tuple[Any, dict[str, Any]]] = [
        (s3.put_object, {**bucket, **OBJECT}),
        (s3.get_object, {**bucket, "Key": OBJECT["Key"]}),
        (s3.copy_object, {**bucket, "Key": "copy", "CopySource": source, "ServerSideEncryption": "AES256"}),
        (s3.create_multipart_upload, {**bucket, "Key": "parts"}),
    ]
    kms.disable_key(KeyId=key)
    for operation, arguments in operations:
        assert refused(operation, **arguments) == f"KMS.DisabledException: {key} is disabled."
    assert s3.head_object(**bucket, Key=OBJECT["Key"])["ContentLength"] == 5
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    for operation, arguments in operations:
        assert refused(operation, **arguments) == f"KMS.KMSInvalidStateException: {key} is pending deletion."
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    assert s3.get_object(**bucket, Key=OBJECT["Key"])["Body"].read() == b"first"


def test_a_bucket_policy_demands_conditional_writes(aws: Aws) -> None:
    bucket = {"Bucket": deploy_bucket(aws, "conditional")}
    writer = user(aws, "writer", policy("s3:*", Resource="*"))
    conditions = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    demand = policy("s3:PutObject", Effect="Deny", Principal="*", Resource=arn("conditional"), Condition=conditions)
    aws.client("s3").put_bucket_policy(**bucket, Policy=json.dumps(demand))
    assert "AccessDenied" in refused(writer.put_object, **bucket, **OBJECT)
    writer.put_object(**bucket, **OBJECT, IfNoneMatch="*")
    assert "PreconditionFailed" in refused(writer.put_object, **bucket, **OBJECT, IfNoneMatch="*")
    source = {"Bucket": "conditional", "Key": OBJECT["Key"]}
    copy = {**bucket, "Key": OBJECT["Key"], "CopySource": source, "MetadataDirective": "REPLACE"}
    assert "AccessDenied" in refused(writer.copy_object, **copy)
    assert "PreconditionFailed" in refused(writer.copy_object, **copy, IfNoneMatch="*")
    parts = {
        **bucket,
        "Key": OBJECT["Key"],
        "UploadId": writer.create_multipart_upload(**bucket, Key=OBJECT["Key"])["UploadId"],
    }
    tag = writer.upload_part(**parts, PartNumber=1, Body=b"second")["ETag"]
    complete = {**parts, "MultipartUpload": {"Parts": [{"ETag": tag, "PartNumber": 1}]}}
    assert "AccessDenied" in refused(writer.complete_multipart_upload, **complete)
    assert "PreconditionFailed" in refused(writer.complete_multipart_upload, **complete, IfNoneMatch="*")
    assert writer.get_object(**bucket, Key=OBJECT["Key"])["Body"].read() == b"first"


def days(number: int, mode: str = "GOVERNANCE") -> dict[str, Any]:
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": mode, "Days": number}}}


def test_a_locked_version_stays_through_overwriting_deleting_and_a_restart(aws: Aws) -> None:
    aws.client("s3").create_bucket(
        Bucket="locked",
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "us-west-2"},
    )
    bucket, key = {"Bucket": "locked"}, {"Bucket": "locked", "Key": OBJECT["Key"]}
    aws.client("s3").put_object_lock_configuration(**bucket, ObjectLockConfiguration=days(1))
    may = policy("s3:*", Resource="*")
    no_bypass = policy("s3:BypassGovernanceRetention", Resource="*", Effect="Deny")
    writer, keeper = user(aws, "locked-writer", may, no_bypass), user(aws, "keeper", may)
    first = writer.put_object(**bucket, **OBJECT)["VersionId"]
    second = writer.put_object(**key, Body=b"second")["VersionId"]
    writer.delete_object(**key)
    listed = writer.list_object_versions(**bucket)
    assert {version["VersionId"] for version in listed["Versions"]} == {first, second}
    assert len(listed["DeleteMarkers"]) == 1
    aws.stop()
    aws.start()
    assert LOCKED in refused(writer.delete_object, **key, VersionId=first)
    assert "AccessDenied" in refused(writer.delete_object, **key, VersionId=first, BypassGovernanceRetention=True)
    batch = {"Objects": [{"Key": OBJECT["Key"], "VersionId": first}]}
    assert writer.delete_objects(**bucket, Delete=batch)["Errors"][0]["Code"] == "AccessDenied"
    assert LOCKED in refused(keeper.delete_object, **key, VersionId=first)
    assert writer.get_object_retention(**key, VersionId=first)["Retention"]["Mode"] == "GOVERNANCE"
    keeper.delete_object(**key, VersionId=second, BypassGovernanceRetention=True)
    assert [version["VersionId"] for version in writer.list_object_versions(**bucket)["Versions"]] == [first]


def test_a_lock_is_not_shortened_by_whoever_may_write(aws: Aws) -> None:
    locked = {"ObjectLockEnabled": True, "ObjectLockConfiguration": days(1)}
    bucket = {"Bucket": deploy_bucket(aws, "stack-locked", **locked)}
    root, key = aws.client("s3"), {"Bucket": "stack-locked", "Key": OBJECT["Key"]}
    assert root.get_object_lock_configuration(**bucket)["ObjectLockConfiguration"] == days(1)
    may = policy("s3:*", Resource="*")
    denied = policy("s3:PutObjectRetention", Resource="*", Effect="Deny")
    writer = user(aws, "short-writer", may, denied)
    retainer = user(aws, "retainer", may, policy("s3:BypassGovernanceRetention", Resource="*", Effect="Deny"))
    now = datetime.now(UTC)
    short = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": now + timedelta(minutes=1)}
    assert "AccessDenied" in refused(writer.put_object, **bucket, **OBJECT, **short)
    version = writer.put_object(**bucket, **OBJECT)["VersionId"]
    sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": now + timedelta(hours=20)}
    shortening = {**key, "VersionId": version, "Retention": sooner}
    assert "AccessDenied" in refused(retainer.put_object_retention, **shortening)
    assert "AccessDenied" in refused(retainer.put_object_retention, **shortening, BypassGovernanceRetention=True)
    past = {"Mode": "GOVERNANCE", "RetainUntilDate": now - timedelta(hours=1)}
    message = "The retain until date must be in the future!"
    assert message in refused(root.put_object_retention, **{**shortening, "Retention": past})
    later = {"Mode": "GOVERNANCE", "RetainUntilDate": now + timedelta(days=3)}
    retainer.put_object_retention(**{**shortening, "Retention": later})
    suspend = {"VersioningConfiguration": {"Status": "Suspended"}}
    assert "InvalidBucketState" in refused(root.put_bucket_versioning, **bucket, **suspend)


def test_a_bucket_policy_binds_whoever_is_not_root(aws: Aws) -> None:
    made = aws.deploy(
        "guarded",
        {
            "Bucket": resource("S3::Bucket", BucketName="guarded"),
            "Policy": resource(
                "S3::BucketPolicy",
                Bucket=ref("Bucket"),
                PolicyDocument=policy("s3:DeleteObjectVersion", Effect="Deny", Principal="*", Resource=arn("guarded")),
            ),
        },
    )
    guest = user(aws, "guest", policy("s3:*", Resource="*"))
    guest.put_object(Bucket=made["Bucket"], **OBJECT)
    assert "AccessDenied" in refused(guest.delete_object, Bucket=made["Bucket"], Key=OBJECT["Key"], VersionId="null")
