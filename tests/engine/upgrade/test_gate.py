"""An upgrade behind the approval gate: each minor version is a plan of its own. On an embedded AWS."""

from __future__ import annotations

import pytest

from resources.approval.rules import ApprovalRequest
from resources.approval.store import list_requests
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Approval
from resources.model.errors import ApprovalMissing
from tests.engine.upgrade.conftest import Upgraded
from tests.helpers.embedded_gate import EmbeddedGate, GateAccount
from tests.helpers.gate import PEOPLE

pytestmark = pytest.mark.sandbox


def newest(platform: Upgraded) -> ApprovalRequest:
    return list_requests(platform.context(), 24)[-1]


def approve(platform: Upgraded, account: GateAccount) -> None:
    endpoint = f"http://127.0.0.1:{account.server.port}"
    gate = EmbeddedGate(platform.env, platform.env.target_env, {}, endpoint, account.people)
    state = gate.decide(newest(platform), "alice", "bob")
    assert state.status == "granted"


def test_each_minor_waits_for_its_own_approval(platform: Upgraded, account: GateAccount) -> None:
    """Nothing is changed before it, and nothing of the next minor under the grant of the first."""
    platform.want("1.36", approval=Approval(before="cluster", allow=PEOPLE, exclude_initiator=False))
    apply_bootstrap(platform.env)
    for version in ("1.34", "1.35"):
        done, outcome = platform.upgrade()
        assert isinstance(outcome, ApprovalMissing), outcome
        assert "waits: sha256:" in outcome.message
        assert "eks-assets approve sandbox --digest" in outcome.next_step
        assert (platform.version, platform.nodes) == (version, version)
        assert done == ([] if version == "1.34" else ["plane", "offered", "dns", "workers"])
        approve(platform, account)
    assert platform.upgrade() == (["plane", "offered", "dns", "workers"], "done")
    assert (platform.version, platform.nodes) == ("1.36", "1.36")
