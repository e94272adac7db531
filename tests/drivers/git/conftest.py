"""An application repository on this machine beside an AWS that has nothing but the environment's ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.aws.session import Source
from resources.config.environment import Environment
from resources.config.names import ledger_bucket
from resources.drivers.git import merge
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.embedded_aws_server import Aws


@pytest.fixture(scope="package")
def embedded_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


@pytest.fixture
def ledger(embedded_aws: Aws, prod_env: Environment) -> Iterator[Source]:
    """Whose keys reach the ledger, which is empty."""
    bucket, s3 = ledger_bucket(prod_env), embedded_aws.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    yield Source("us-west-2", f"http://127.0.0.1:{embedded_aws.port}", "AKIAROOT", "root-secret")
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    s3.delete_bucket(Bucket=bucket)


@pytest.fixture
def local(tmp_path: Path, prod_env: Environment, ledger: Source, monkeypatch: pytest.MonkeyPatch) -> LocalRepository:
    """The example repository, without a branch of the environment; no cluster knows Argo CD's kinds."""
    monkeypatch.setattr(merge, "_definitions", lambda context: {})
    return LocalRepository(tmp_path / "host", prod_env, ledger)
