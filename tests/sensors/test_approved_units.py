"""Which units the run covers that the approval sensor launches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from eks_assets.plan.model import Plan
from eks_assets.units import load_registry
from resources.approval.record import ApprovalRecord
from resources.config.environment import Approval, Environment
from sensors.approval import decide_launch
from tests.sensors.conftest import Daemon


def launched(daemon: Daemon, env: Environment, *approved: str) -> set[str]:
    grant = SimpleNamespace(request=SimpleNamespace(digest="sha256:" + "a" * 64, id="asked-1"), approvers=("alice",))
    record = SimpleNamespace(grant=grant, states=(grant,), uses_of=lambda request: {})
    plan = cast(Plan, SimpleNamespace(kind="deploy", units=approved))
    request, reason = decide_launch(daemon.instance, env, cast(ApprovalRecord, record), plan)
    assert request is not None, reason
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_run_covers_early_units_of_the_plan(daemon: Daemon, prod_env: Environment) -> None:
    """A run for a plan that changes identity before the gate has that unit, and what depends on it, in it; one for any
    other plan has what lies behind the gate alone."""
    env = prod_env.model_copy(update={"approval": Approval(before="applications")})
    registry = load_registry()
    behind = {"release_plan", *registry.gated(env)}
    assert launched(daemon, env, "loki", "a_unit_of_an_older_version") == behind
    assert launched(daemon, env, "access_entries", "loki") == behind | registry.descendants(["access_entries"])


def test_grant_of_a_removal_launches_nothing(daemon: Daemon, prod_env: Environment) -> None:
    """A removal that was approved is carried out by a person; the reason has the command."""
    env = prod_env.model_copy(update={"approval": Approval(before="applications")})
    grant = SimpleNamespace(request=SimpleNamespace(digest="sha256:" + "a" * 64, id="asked-1"), approvers=("alice",))
    record = SimpleNamespace(grant=grant, states=(grant,), uses_of=lambda request: {})
    plan = cast(Plan, SimpleNamespace(kind="destroy with data", units=("loki",)))
    request, reason = decide_launch(daemon.instance, env, cast(ApprovalRecord, record), plan)
    assert request is None
    assert "eks-assets destroy acme-prod --confirm acme-prod --delete-data" in reason
