"""Objects of the environment's ledger: written once, never overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rfc8785

from resources.aws.dagster_clients import s3_client
from resources.aws.errors import aws_call
from resources.aws.session import Aws
from resources.config.names import ledger_bucket
from resources.model.errors import NotFound


def put_new_object(aws: Aws, key: str, document: Mapping[str, Any]) -> None:
    """Write a document. Raises AlreadyThere where there is one under that key, NotFound where the environment has not
    been bootstrapped."""
    bucket = ledger_bucket(aws.env)
    try:
        with aws_call(f"writing {key} to the ledger {bucket}"):
            s3_client(aws).put_object(
                Bucket=bucket, Key=key, Body=rfc8785.dumps(document), IfNoneMatch="*", ContentType="application/json"
            )
    except NotFound as error:
        raise NotFound(
            f"the ledger bucket {bucket} does not exist", next_step=f"eks-assets bootstrap {aws.env.name} --apply"
        ) from error


def read_object(aws: Aws, key: str, version: str = "", limit: int | None = None) -> bytes:
    """What was written under the key: now, or as the version that is named; at most `limit` bytes. Raises NotFound."""
    bucket = ledger_bucket(aws.env)
    with aws_call(f"reading {key} from the ledger {bucket}"):
        s3 = aws.client("s3")
        if version:
            return s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read(limit)
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read(limit)
