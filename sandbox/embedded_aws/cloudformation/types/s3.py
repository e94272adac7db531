"""AWS::S3::Bucket with the encryption and the Object Lock that its template asks for; MiniStack ignores both."""

from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from ..resource_handlers import Delete, Properties, succeed, wrap_delete

Apply = Callable[[str, Any], Any]


def _xml(name: str, value: Any) -> str:
    """A property as the element of S3's API: members in their order, booleans in lower case."""
    if isinstance(value, dict):
        content = "".join(_xml(member, inner) for member, inner in value.items())
    else:
        content = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{content}</{name}>"


def encryption_xml(prop: dict[str, Any]) -> bytes:
    """The body of PutBucketEncryption for a property BucketEncryption."""
    rules = [
        _xml("Rule", {_ENCRYPTION_NAMES.get(member, member): value for member, value in rule.items()})
        for rule in prop.get("ServerSideEncryptionConfiguration") or []
    ]
    return f"<ServerSideEncryptionConfiguration>{''.join(rules)}</ServerSideEncryptionConfiguration>".encode()


_ENCRYPTION_NAMES = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}


def lock_xml(prop: dict[str, Any]) -> bytes:
    """The body of PutObjectLockConfiguration for a property ObjectLockConfiguration."""
    return _xml("ObjectLockConfiguration", {"ObjectLockEnabled": "Enabled", **prop}).encode()


def _enable_lock(bucket: str, enabled: Any) -> None:
    if str(enabled).lower() == "true":
        s3._bucket_object_lock.setdefault(bucket, {"enabled": True, "default_retention": None})
        s3._bucket_versioning[bucket] = "Enabled"


def _unlock_nothing(_bucket: str) -> None:
    """What is locked stays locked: "you can't disable Object Lock"; without a rule there is no default retention."""


def _remove_default_retention(bucket: str) -> None:
    if s3._bucket_object_lock.get(bucket):
        s3._put_object_lock_configuration(bucket, lock_xml({}))


def _succeeding(put: Apply) -> Apply:
    return lambda bucket, body: succeed(put(bucket, body), "S3")


def _delete_with_lock(delete: Delete, bucket: str, props: Properties) -> None:
    delete(bucket, props)
    s3._bucket_object_lock.pop(bucket, None)


def install() -> None:
    """Add both to the properties that MiniStack applies when a bucket is created or updated."""
    provisioners._S3_BUCKET_CONFIGURATIONS = (
        *provisioners._S3_BUCKET_CONFIGURATIONS,
        ("BucketEncryption", encryption_xml, _succeeding(s3._put_bucket_encryption), s3._delete_bucket_encryption),
        ("ObjectLockEnabled", lambda enabled: enabled, _enable_lock, _unlock_nothing),
        (
            "ObjectLockConfiguration",
            lock_xml,
            _succeeding(s3._put_object_lock_configuration),
            _remove_default_retention,
        ),
    )
    wrap_delete("AWS::S3::Bucket", _delete_with_lock)
