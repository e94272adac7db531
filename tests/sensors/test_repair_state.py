"""What the repair sensor asks AWS: the last drift run, who holds the platform, and what a grant still allows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eks_assets.engine.drift.record import keep_report
from eks_assets.plan.drift import DriftReport, build_finding
from resources.config.environment import Environment
from resources.model.change import FieldChange
from resources.model.drift import Finding
from resources.model.errors import GateNotAnchored
from resources.records.lease import hold_lease
from sensors.repair import State, read_state
from tests.helpers.embedded_gate import EmbeddedGate, gate_account

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def gate(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedGate]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as account:
        yield account.gate(sandbox_env, "rs")


def test_state_is_what_the_ledger_and_the_lease_say(gate: EmbeddedGate) -> None:
    """A unit that a grant names may be repaired until it was changed under that grant."""
    assert read_state(gate.env) is None
    finding = build_finding("first", Finding("parameter", "p", FieldChange("value", "1", "2"), "changed"))
    report = DriftReport(environment=gate.env.name, findings=(finding,), unknown=(), pending=(), seconds=0.1)
    keep_report(gate.context("0c6a2d8e"), report)

    def now() -> State:
        state = read_state(gate.env)
        assert state is not None
        return state

    assert now().key.startswith("drift/")
    assert (now().run.run, now().holder, now().granted) == ("0c6a2d8e", None, frozenset())
    state = gate.ask().state
    assert state is not None
    gate.decide(state.request, "alice", "bob")
    assert "first" in now().granted
    with hold_lease(gate.context(), who="ann", keep=False):
        holder = now().holder
        assert holder is not None
        assert holder.who == "ann"
    gate.run("first")
    assert "first" not in now().granted
    with pytest.raises(GateNotAnchored):
        read_state(gate.env.model_copy(update={"approval": None}))
    keep_report(gate.context("1d7b3e9f"), report.model_copy(update={"findings": ()}))
    assert (now().run.open, now().holder) == ((), None)
