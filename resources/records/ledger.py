"""The ledger: one immutable JSON object a change, in the environment's bucket (S3, versioned, made by bootstrap).

An entry says what was done to which unit, when and by whom, with the paths of the fields that changed but never their
values, so that no secret can reach it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import rfc8785

from resources.aws.errors import aws_call
from resources.aws.ledger_bucket import put_new_object, read_object
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.model.change import Change
from resources.model.errors import AccessDenied, AlreadyThere, NotFound


def change_entry(context: Context, unit: str, change: Change, outcome: str, seconds: float) -> dict[str, Any]:
    """What the ledger says of one change. `outcome`: `done`, or the first line of the reason it failed."""
    return {
        "environment": context.env.name,
        "unit": unit,
        "action": change.action,
        "reason": change.reason,
        "fields": [field.path for field in change.fields],
        "outcome": outcome,
        "seconds": round(seconds, 1),
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "by": context.run_id or "no run",
    }


def record_change(context: Context, document: Mapping[str, Any]) -> None:
    """Write one entry under `changes/<time>-<unit>.json`; an existing one is never overwritten.

    Raises NotFound where the environment has not been bootstrapped, AlreadyThere where another entry has its key."""
    key = f"changes/{document['at']}-{document['unit']}.json"
    # botocore sends again what it got no answer to: then the entry that is there is this one.
    if not write_once(context, key, document) and read_key(context, key) != rfc8785.dumps(document):
        raise AlreadyThere(f"the ledger has another entry under {key}")


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


# Read by tests alone so far: the issue on the audit trail adds the command that lists them.
def list_entries(context: Context, limit: int = 100) -> list[dict[str, Any]]:
    """The newest entries first."""
    return [json.loads(read_key(context, key)) for key in list_keys(context, "changes/")[::-1][:limit]]
