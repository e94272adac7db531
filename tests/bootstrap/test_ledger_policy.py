"""The ledger on the embedded AWS, and whoever tries to overwrite, erase or change what is in it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resources.bootstrap import stack as bootstrap_stack
from resources.config.environment import Environment
from resources.config.names import ledger_bucket
from resources.model.outputs import plain_document
from tests.bootstrap.bootstrap_documents import resources_of
from tests.helpers.embedded_aws_server import Aws, policy, refused

KEY = "rejections/0123.json"
FOLDERS = (
    "changes",
    "drift",
    "held",
    "rejections",
    "releases",
    "requests",
    "rollbacks",
    "specs",
    "templates",
    "ui-votes",
    "upgrades",
    "uses",
    "validations",
)
MINE = {"Body": b"null"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory, sandbox_env: Environment) -> Iterator[Aws]:
    """An account in which the environment is bootstrapped and the ledger has an object under KEY."""
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    server.deploy("bootstrap", plain_document(bootstrap_stack.build_bootstrap_template(sandbox_env))["Resources"])
    iam = server.client("iam")
    for name, statement in (("power", policy("s3:*", Resource="*")), ("starter", policy("sts:*", Resource="*"))):
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(statement))
    yield server
    server.stop()


def client_of(aws: Aws, user: str, service: str = "s3") -> Any:
    made = aws.client("iam").create_access_key(UserName=user)["AccessKey"]
    return aws.client(service, made["AccessKeyId"], made["SecretAccessKey"])


@pytest.fixture(scope="module")
def writers(aws: Aws, sandbox_env: Environment) -> dict[str, Any]:
    """Who may write: the deployer, and a user with every right on S3."""
    assert sandbox_env.roles.deployer is not None
    keys = client_of(aws, "starter", "sts").assume_role(
        RoleArn=sandbox_env.roles.deployer.arn,
        RoleSessionName="attack",
        ExternalId=sandbox_env.roles.deployer.external_id,
    )["Credentials"]
    deployer = aws.client("s3", keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return {"deployer": deployer, "power": client_of(aws, "power")}


def _overwrite(s3: Any, bucket: dict[str, str]) -> str:
    return refused(s3.put_object, **bucket, Key=KEY, **MINE)


def _overwrite_by_etag(s3: Any, bucket: dict[str, str]) -> str:
    tag = s3.get_object(**bucket, Key=KEY)["ETag"]
    return refused(s3.put_object, **bucket, Key=KEY, **MINE, IfMatch=tag)


def _copy_over(s3: Any, bucket: dict[str, str]) -> str:
    s3.put_object(**bucket, Key="changes/mine.json", **MINE, IfNoneMatch="*")
    source = {"Bucket": bucket["Bucket"], "Key": "changes/mine.json"}
    return refused(s3.copy_object, **bucket, Key=KEY, CopySource=source)


def _upload_in_parts(s3: Any, bucket: dict[str, str]) -> str:
    parts = {**bucket, "Key": KEY, "UploadId": s3.create_multipart_upload(**bucket, Key=KEY)["UploadId"]}
    tag = s3.upload_part(**parts, PartNumber=1, **MINE)["ETag"]
    done = {"Parts": [{"ETag": tag, "PartNumber": 1}]}
    return refused(s3.complete_multipart_upload, **parts, MultipartUpload=done)


def _delete(s3: Any, bucket: dict[str, str]) -> str:
    return refused(s3.delete_object, **bucket, Key=KEY)


def _delete_version(s3: Any, bucket: dict[str, str]) -> str:
    version = s3.head_object(**bucket, Key=KEY)["VersionId"]
    return refused(s3.delete_object, **bucket, Key=KEY, VersionId=version)


def _retain(s3: Any, bucket: dict[str, str]) -> str:
    return refused(s3.put_object_legal_hold, **bucket, Key=KEY, LegalHold={"Status": "ON"})


Attack = Callable[[Any, dict[str, str]], str]
ATTACKS = (_overwrite, _overwrite_by_etag, _copy_over, _upload_in_parts, _delete, _delete_version, _retain)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.strip("_"))
@pytest.mark.parametrize("who", ["deployer", "power"])
def test_nobody_overwrites_or_erases_what_ledger_has(
    who: str, attack: Attack, aws: Aws, writers: dict[str, Any], sandbox_env: Environment
) -> None:
    """Neither the deployer nor a user with every right on S3 changes an object; AWS refuses each way to do it."""
    bucket = {"Bucket": ledger_bucket(sandbox_env)}
    root = aws.client("s3")
    if not root.list_objects_v2(**bucket, Prefix=KEY).get("Contents"):
        root.put_object(**bucket, Key=KEY, Body=b"first", IfNoneMatch="*")
    if attack is _copy_over:
        root.delete_object(**bucket, Key="changes/mine.json")
    assert "AccessDenied" in attack(writers[who], bucket)
    (version,) = root.list_object_versions(**bucket, Prefix=KEY)["Versions"]
    assert root.get_object(**bucket, Key=KEY, VersionId=version["VersionId"])["Body"].read() == b"first"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_written_once(folder: str, writers: dict[str, Any], sandbox_env: Environment) -> None:
    """The pipeline adds to each folder, and cannot write the same key a second time, with or without the condition."""
    put = {"Bucket": ledger_bucket(sandbox_env), "Key": f"{folder}/once.json", "Body": b"{}"}
    s3 = writers["deployer"]
    s3.put_object(**put, IfNoneMatch="*")
    assert "PreconditionFailed" in refused(s3.put_object, **put, IfNoneMatch="*")
    assert "AccessDenied" in refused(s3.put_object, **put)


def test_pipeline_cannot_set_ledger_up_anew(writers: dict[str, Any], sandbox_env: Environment) -> None:
    """The pipeline changes neither the bucket's policy nor its versions, and adds no lifecycle that expires objects."""
    s3, bucket = writers["deployer"], {"Bucket": ledger_bucket(sandbox_env)}
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    refusals = [
        refused(s3.delete_bucket_policy, **bucket),
        refused(s3.put_bucket_policy, **bucket, Policy="{}"),
        refused(s3.put_bucket_versioning, **bucket, VersioningConfiguration={"Status": "Suspended"}),
        refused(s3.put_bucket_lifecycle_configuration, **bucket, LifecycleConfiguration={"Rules": [rule]}),
        refused(s3.delete_bucket, **bucket),
    ]
    assert {refusal.partition(":")[0] for refusal in refusals} == {"AccessDenied"}


def test_lock_holds_where_the_policy_was_taken_away(
    aws: Aws, writers: dict[str, Any], sandbox_env: Environment
) -> None:
    """Each object is kept for the days that the file says. The deployer has no right to bypass that; an administrator
    has to take the policy away and bypass it on purpose."""
    root, bucket = aws.client("s3"), {"Bucket": ledger_bucket(sandbox_env)}
    policy_text = root.get_bucket_policy(**bucket)["Policy"]
    version = {**bucket, "Key": "changes/kept.json"}
    version["VersionId"] = writers["deployer"].put_object(**version, **MINE, IfNoneMatch="*")["VersionId"]
    assert "AccessDenied" in refused(writers["deployer"].put_object_lock_configuration, **bucket)
    until = root.get_object_retention(**version)["Retention"]["RetainUntilDate"]
    assert (until - dt.datetime.now(dt.UTC)).days == sandbox_env.ledger.retention_days - 1
    root.delete_bucket_policy(**bucket)
    try:
        sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": until - dt.timedelta(days=1)}
        for who in writers.values():
            assert "AccessDenied" in refused(who.delete_object, **version)
            assert "AccessDenied" in refused(who.put_object_retention, **version, Retention=sooner)
        bypassing = {**version, "BypassGovernanceRetention": True}
        assert "AccessDenied" in refused(writers["deployer"].delete_object, **bypassing)
        writers["power"].delete_object(**bypassing)
    finally:
        root.put_bucket_policy(**bucket, Policy=policy_text)


def test_roles_of_pipeline_are_named_in_bucket_policy(prod_env: Environment) -> None:
    """The bucket itself refuses its settings to every role of the pipeline, under the names of the environment."""
    (document,) = (p["PolicyDocument"] for p in resources_of(prod_env, "S3::BucketPolicy").values())
    (settings,) = [s for s in document["Statement"] if "s3:PutBucket*" in s["Action"]]
    roles = {arn.rpartition("/")[2] for arn in settings["Condition"]["ArnLike"]["aws:PrincipalArn"]}
    kinds = ("deployer", "planner", "cloudformation", "destroyer")
    assert roles == {f"eks-assets-{kind}" for kind in kinds}
    assert [s["Principal"] for s in document["Statement"]] == ["*"] * 4
