"""The lease table of the embedded AWS, and runs that contend for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.names import lease_table
from resources.context import Context
from tests.helpers.leases import RunOf


@pytest.fixture
def table(admin: Aws) -> Iterator[Any]:
    """The lease table, for the account's administrator; the environment is free before and after a test."""
    table = admin.session.resource("dynamodb", endpoint_url=admin.source.endpoint).Table(lease_table(admin.env))
    table.delete_item(Key={"environment": admin.env.name})
    yield table
    table.delete_item(Key={"environment": admin.env.name})


@pytest.fixture
def run_of(account: Environment, table: Any) -> RunOf:
    """A Context of a process of its own that belongs to a run."""

    def make(run: str, progress: Callable[[str], None] = lambda _: None) -> Context:
        return Context.of(account, progress, run)

    return make
