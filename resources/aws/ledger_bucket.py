"""Objects of the environment's ledger: written once, never overwritten."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import rfc8785
from botocore.exceptions import ClientError

from resources.aws.errors import aws_call, error_code
from resources.aws.session import Aws
from resources.config.names import ledger_bucket
from resources.model.errors import NotFound

_TRIES = 5
_PAUSE = 0.2  # seconds


def put_new_object(aws: Aws, key: str, document: Mapping[str, Any]) -> None:
    """Write a document. Raises AlreadyThere where there is one under that key, NotFound where the environment has not
    been bootstrapped."""
    bucket = ledger_bucket(aws.env)
    try:
        with aws_call(f"writing {key} to the ledger {bucket}"):
            _put_if_new(aws.client("s3"), Bucket=bucket, Key=key, Body=rfc8785.dumps(document))
    except NotFound as error:
        raise NotFound(
            f"the ledger bucket {bucket} does not exist", next_step=f"eks-assets bootstrap {aws.env.name} --apply"
        ) from error


def _put_if_new(s3: Any, **request: Any) -> None:
    """S3 refuses one of two conditional writes under one key that come at once (409 ConditionalRequestConflict), and
    asks for another try, which botocore does not make (S3 user guide, "Prevent object overwrites")."""
    for left in reversed(range(_TRIES)):
        try:
            s3.put_object(**request, IfNoneMatch="*", ContentType="application/json")
        except ClientError as error:
            if error_code(error) != "ConditionalRequestConflict" or not left:
                raise
            time.sleep(_PAUSE)
        else:
            return


def read_object(aws: Aws, key: str, version: str = "", limit: int | None = None) -> bytes:
    """What was written under the key: now, or as the version that is named; at most `limit` bytes. Raises NotFound."""
    bucket = ledger_bucket(aws.env)
    with aws_call(f"reading {key} from the ledger {bucket}"):
        s3 = aws.client("s3")
        if version:
            return s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read(limit)
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read(limit)
