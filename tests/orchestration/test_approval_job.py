"""Decisions from Dagster's launchpad: one voice, and only where the environment says so."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from eks_assets.orchestration.approval_job import approve
from eks_assets.orchestration.environments import Platform
from resources.approval import decisions
from resources.config.loader import load_environment
from resources.model.errors import ApprovalMissing, ConfigError
from tests.helpers.gate import Gate

pytestmark = pytest.mark.sandbox


def test_ui_decision_is_refused_without_ui_true(gate: Gate) -> None:
    """Without `ui: true` a decision from the Dagster UI is refused."""
    with pytest.raises(ConfigError, match="takes no decisions from the Dagster UI"):
        decisions.write_ui_decision(gate.context(), gate.request(), "approve", "pressed")


def test_launchpad_decision_counts_as_one_approver(
    gate: Gate, environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approval from the launchpad, which must name the digest, opens the gate as one approver."""
    file = environments / "sandbox.yaml"
    document = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**document, "approval": {"approvers": 1, "ui": True}}))
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    gate.env = load_environment("sandbox", environments)
    gate.anchor()

    def press(decision: str, digest: str) -> dg.ExecuteInProcessResult:
        config = {"digest": digest, "decision": decision, "reason": "pressed"}
        with dg.instance_for_test() as instance:
            instance.add_dynamic_partitions("environments", ["sandbox"])
            return approve.execute_in_process(
                run_config={"ops": {"decide": {"config": config}}},
                partition_key="sandbox",
                resources={"platform": Platform()},
                instance=instance,
                raise_on_error=False,
            )

    request = gate.request()
    assert not press("perhaps", request.digest).success
    assert not press("approve", "sha256:" + "3f" * 32).success, "no plan has that digest"
    with pytest.raises(ApprovalMissing):
        gate.run("first")
    assert press("approve", request.digest[:19]).success
    assert gate.decide(request).approvers == ("the Dagster UI",)
    gate.run("first")
    assert gate.stored("first") == "1"
