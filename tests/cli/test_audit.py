"""`eks-assets audit verify` on an embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eks_assets.cli.app import app
from eks_assets.cli.commands import audit as audit_command
from resources.config.environment import Environment
from resources.model.errors import NotFound
from resources.records.chain import entry_text
from resources.records.chain_head import reserve_place
from tests.helpers.embedded_gate import gate_account
from tests.helpers.json_schema import schema_faults, schema_of
from tests.helpers.ledgers import TestLedger, own_ledger

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def ledger(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestLedger]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")):
        yield own_ledger(sandbox_env, "verified")


@pytest.fixture
def verify(ledger: TestLedger, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command on the environment of a ledger, which names no roles."""

    def run(*arguments: str, env: Environment = ledger.env) -> Result:
        monkeypatch.setattr(audit_command, "load_environment", lambda *_, **__: env)
        return CliRunner().invoke(app, ["audit", "verify", *arguments])

    return run


def test_verdict_is_the_exit_code(ledger: TestLedger, verify: Any) -> None:
    """0 whole, 1 while an entry is not written, 4 with a fault that names it; in text and as JSON."""
    ledger.record("network", "cluster")
    done = verify("sandbox")
    assert done.exit_code == 0, done.output
    assert "sandbox: chain of 2 entries, whole" in done.output

    reserve_place(ledger.context, entry_text(ledger.entry("killed")))
    done = verify("sandbox")
    assert done.exit_code == 1
    assert "not written yet: entry 3, changes/" in done.output

    ledger.record("identity")
    key = ledger.key_of("cluster")
    ledger.replace(key, {**ledger.read(key), "outcome": "[bold]never[/bold] happened"})
    done = verify("sandbox")
    assert done.exit_code == 4
    assert f"edited: entry 2, {key}" in done.output
    done = verify("sandbox", "--json")
    assert done.exit_code == 4
    report = json.loads(done.stdout)
    assert schema_faults(report, schema_of("audit")) == []
    assert (report["entries"], report["begins"], report["before_the_chain"]) == (4, ledger.key_of("network"), 0)
    assert [(fault["kind"], fault["sequence"], fault["key"]) for fault in report["faults"]] == [("edited", 2, key)]


def test_environment_without_a_ledger_says_what_makes_one(ledger: TestLedger, verify: Any) -> None:
    """Nothing to verify is no chain that is whole."""
    done = verify("sandbox", env=ledger.env.model_copy(update={"target_env": "nowhere"}))
    assert isinstance(done.exception, NotFound)
    assert "eks-assets bootstrap sandbox --apply" in str(done.exception)
