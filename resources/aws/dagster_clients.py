"""dagster-aws's resources as the deployer role of an environment, and the two patches that they need.

They take a profile or keys. A profile cannot carry session tags (botocore's assume-role provider has none), and a
`credential_process` would cost a step 0.7 s; so they get the short-lived keys of our own session, new on each call,
and never as configuration that the UI would show (docs/adr/0005-dagster-aws.md).
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import botocore.session

from resources.aws.session import Aws, data_loader
from resources.aws.transcript import record_calls

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

_patching = threading.RLock()


def ssm_client(aws: Aws) -> SSMClient:
    """The client of dagster-aws's SSMResource."""
    # Imported late: it brings Dagster along, which most commands do not need.
    from dagster_aws.ssm import SSMResource

    return _client(SSMResource, aws)


def s3_client(aws: Aws) -> S3Client:
    """The client of dagster-aws's S3Resource."""
    from dagster_aws.s3 import S3Resource

    return _client(S3Resource, aws)


def secrets_client(aws: Aws) -> SecretsManagerClient:
    """The client of dagster-aws's SecretsManagerResource."""
    from dagster_aws.secretsmanager import SecretsManagerResource

    return _client(SecretsManagerResource, aws)


def _client(resource: type[Any], aws: Aws) -> Any:
    _silence_beta_warnings()
    with _shared_descriptions():
        client = resource(**_settings(aws)).get_client()
    record_calls(client.meta.events)
    return client


def _silence_beta_warnings() -> None:
    """dagster-aws calls its resources beta each time that one is made; the pinned version is the one that we use."""
    warnings.filterwarnings("ignore", message=r"Class `\w+Resource` is currently in beta")


@contextmanager
def _shared_descriptions() -> Iterator[None]:
    """dagster-aws makes sessions of its own, each of which reads botocore's large descriptions of AWS again (0.4 s); in
    here they use those that our own session has read."""
    loader = data_loader()
    with _patching:
        before = botocore.session.create_loader
        botocore.session.create_loader = lambda *_: loader
        try:
            yield
        finally:
            botocore.session.create_loader = before


def ecr_public_token(aws: Aws) -> str:
    """A login to public.ecr.aws for 12 hours, from the client of dagster-aws's ECRPublicResource: base64 of
    `AWS:PASSWORD`. Raises botocore's errors."""
    # The resource itself takes neither keys nor region: it would ask as whoever started us.
    from dagster_aws.ecr.resources import ECRPublicClient

    # The public registry's API is in one region, for the charts of all.
    return str(ECRPublicClient(**{**_settings(aws), "region_name": "us-east-1"}).get_login_password())


def _settings(aws: Aws) -> dict[str, Any]:
    keys = aws.credentials().get_frozen_credentials()
    return {
        "region_name": aws.env.region,
        "endpoint_url": aws.source.endpoint,
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret_key,
        "aws_session_token": keys.token,
    }
