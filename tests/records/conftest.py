"""The lease table of the embedded AWS, and runs that contend for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.config.names import lease_table
from resources.context import Context
from tests.helpers import embedded_aws_server
from tests.helpers.leases import OLDER_ROW, PLATFORM_ROW, ContextOf, RunOf


@pytest.fixture
def table(admin: Aws) -> Iterator[Any]:
    """The lease table, for the account's administrator; nobody has ever held the platform before and after a test."""
    table = admin.session.resource("dynamodb", endpoint_url=admin.source.endpoint).Table(lease_table(admin.env))

    def free() -> None:
        for row in (OLDER_ROW, PLATFORM_ROW):
            table.delete_item(Key={"environment": row})

    free()
    yield table
    free()


@pytest.fixture
def run_of(account: Environment, table: Any) -> RunOf:
    """A Context of a process of its own that belongs to a run."""

    def make(run: str, progress: Callable[[str], None] = lambda _: None) -> Context:
        return Context.of(account, progress, run)

    return make


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded_aws_server.Aws]:
    """An embedded AWS alone, with a lease table."""
    server = embedded_aws_server.Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    server.client("dynamodb").create_table(
        TableName="demo-sandbox-lease",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "environment", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "environment", "KeyType": "HASH"}],
    )
    yield server
    server.stop()


@pytest.fixture
def contexts(
    embedded: embedded_aws_server.Aws, sandbox_env: Environment, environments: Path, monkeypatch: pytest.MonkeyPatch
) -> ContextOf:
    """Contexts of the platform of `sandbox`, under whatever name its file has; `environments/` has only `sandbox`."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    for file in environments.glob("*.yaml"):
        if file.stem != "sandbox":
            file.unlink()
    source = Source(sandbox_env.region, f"http://127.0.0.1:{embedded.port}", "AKIAROOT", "root-secret")

    def make(run: str, name: str = "sandbox") -> Context:
        env = sandbox_env.model_copy(update={"name": name})
        return Context(env, Aws(env, source, as_deployer=False), run_id=run)

    return make
