"""The ledger: immutable JSON objects in the environment's bucket (S3, versioned, made by bootstrap); docs/ledger.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.aws.ledger_bucket import put_new_object, read_object
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.model.errors import AccessDenied, AlreadyThere, NotFound


def write_once(context: Context, key: str, document: Mapping[str, Any]) -> bool:
    """Write a document unless there is one under that key already; whether it was written."""
    try:
        put_new_object(context.aws, key, document)
    except AlreadyThere:
        return False
    return True


def read_key(context: Context, key: str, version: str = "", limit: int | None = None) -> bytes:
    """What was written under the key: now, or as the version that is named; at most `limit` bytes. Raises NotFound."""
    return read_object(context.aws, key, version, limit)


def list_versions(context: Context, prefix: str) -> list[tuple[str, str]]:
    """Key and version of all that was ever written under keys that begin with `prefix`, by key, the first one first:
    also what has been overwritten or deleted since. To whoever may not list versions, as approvers by the policy of an
    earlier bootstrap, what is there now, with an empty version."""
    bucket = ledger_bucket(context.env)
    newest_first: list[tuple[str, str]] = []
    with suppress(AccessDenied), aws_call(f"reading the ledger {bucket}"):
        pages = context.aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        newest_first = [(item["Key"], item["VersionId"]) for page in pages for item in page.get("Versions", [])]
    versions = sorted(reversed(newest_first), key=lambda version: version[0])
    return versions or [(key, "") for key in list_keys(context, prefix)]


@dataclass(frozen=True)
class ObjectVersion:
    """A version of an object, or (`is_marker`) a mark that it was deleted."""

    key: str
    id: str
    is_latest: bool
    is_marker: bool


def list_all_versions(context: Context, prefix: str) -> list[ObjectVersion]:
    """All that was ever written under keys that begin with `prefix`, and deleted there, by key, the first one first.
    Raises NotFound, AccessDenied, Transient."""
    bucket = ledger_bucket(context.env)
    newest_first: list[tuple[dt.datetime, ObjectVersion]] = []
    with aws_call(f"reading the ledger {bucket}"):
        pages = context.aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Versions", []):
                version = ObjectVersion(item["Key"], item["VersionId"], item["IsLatest"], is_marker=False)
                newest_first.append((item["LastModified"], version))
            for marker in page.get("DeleteMarkers", []):
                version = ObjectVersion(marker["Key"], marker["VersionId"], marker["IsLatest"], is_marker=True)
                newest_first.append((marker["LastModified"], version))
    # Of one second, what stands later in S3's answer was written earlier.
    in_order = sorted(reversed(newest_first), key=lambda each: (each[1].key, each[1].is_latest, each[0]))
    return [version for _, version in in_order]


def list_keys(context: Context, prefix: str, after: str = "") -> list[str]:
    """The keys that begin with `prefix` and sort behind `after`, in order."""
    bucket = ledger_bucket(context.env)
    with aws_call(f"reading the ledger {bucket}"):
        pages = (
            context.aws.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
        )
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))


def has_keys(context: Context, prefix: str) -> bool:
    """Whether any key begins with `prefix`; False where the environment has not been bootstrapped."""
    bucket = ledger_bucket(context.env)
    try:
        with aws_call(f"reading the ledger {bucket}"):
            answer = context.aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except NotFound:
        return False
    return bool(answer.get("Contents"))
