"""The published JSON Schemas of what commands print are made from their models; `make docs` writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.plan.account import account_schema
from eks_assets.plan.history import history_schema
from eks_assets.plan.ledger_audit import audit_schema
from eks_assets.plan.teardown import teardown_schema
from resources.model.errors import ConfigError
from resources.upgrade.findings import upgrade_schema
from sandbox.paths import PROJECT
from tests.helpers.json_schema import schema_of


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("account", account_schema),
        ("history", history_schema),
        ("audit", audit_schema),
        ("destroy", teardown_schema),
        ("upgrade", upgrade_schema),
    ],
)
def test_published_schema_is_made_from_the_model(name: str, make: Callable[[], dict[str, Any]]) -> None:
    """The Makefile's `docs` writes the file by the command, which prints the same."""
    assert schema_of(name) == make()
    assert f"schema --{name} > docs/{name}.schema.json" in (PROJECT / "Makefile").read_text()


def test_schema_is_of_one_document() -> None:
    """Two at once are bad input."""
    done = CliRunner().invoke(app, ["schema", "--account", "--audit"])
    assert isinstance(done.exception, ConfigError)
