"""What a failed deploy has changed behind the gate goes back with a grant only. On an embedded AWS."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

from eks_assets.engine.undo import undo_deploy
from resources.config.environment import Environment
from resources.model.errors import ApprovalMissing, ApprovalStale
from tests.helpers.embedded_gate import gate_account


def test_behind_the_gate_it_waits_for_a_grant(sandbox_env: Environment, tmp_path: Path) -> None:
    """The grant of the deploy that failed is none; once people have approved the way back, it goes back."""
    with gate_account(sandbox_env.region, tmp_path) as account:
        gate = account.gate(sandbox_env, "undone")
        gate.decide(gate.request(), "alice", "bob")
        gate.run("first", "before")
        time.sleep(0.002)  # the ledger's times are milliseconds
        began = dt.datetime.now(dt.UTC)
        gate.values["first"] = "2"
        gate.decide(gate.request(), "alice", "bob")
        gate.run("first", "failed")
        (end,) = undo_deploy(gate.registry(), gate.context("undo"), began, "pat", run="failed")
        assert isinstance(end.error, ApprovalMissing | ApprovalStale)
        assert gate.stored("first") == "2"
        gate.decide(gate.request(), "alice", "bob")
        gate.run("first", "granted")
        assert gate.stored("first") == "1"
