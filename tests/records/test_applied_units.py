"""Whether a unit of which nothing exists was ever applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.config.environment import Environment
from resources.records.applied_units import applied_at
from tests.helpers.embedded_gate import gate_account
from tests.helpers.ledgers import own_ledger

pytestmark = pytest.mark.sandbox


def test_the_last_success_counts(sandbox_env: Environment, tmp_path: Path) -> None:
    """Not a failure, not a unit whose name ends alike, and not one that was taken away since."""
    with gate_account(sandbox_env.region, tmp_path) as _:
        ledger = own_ledger(sandbox_env, "applied")
        assert applied_at(ledger.run("r"), "network") is None
        ledger.record("other-network", "cluster", "argo_cd")
        ledger.record("cluster", outcome="it failed")
        ledger.record("argo_cd", action="destroy")
        ledger.record("efs", outcome="it failed")
        context = ledger.run("r")
        first = next(key for key in ledger.list_keys() if key.endswith("-cluster.json"))
        assert applied_at(context, "cluster") == ledger.read(first)["at"]
        assert [applied_at(context, unit) for unit in ("network", "argo_cd", "efs", "never")] == [None] * 4
