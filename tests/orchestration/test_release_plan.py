"""The release plan that Dagster makes is asked for by nobody whom Dagster could name."""

from __future__ import annotations

from typing import Any, cast

import dagster as dg
import pytest

from eks_assets.engine.approval_request import PendingApproval
from eks_assets.graph.registry import Registry
from eks_assets.orchestration import environments, plan_assets
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.environments import Platform
from resources.config.environment import Approval, Environment
from resources.context import Context


@pytest.mark.parametrize("sender", ["AIDA4EXAMPLE", ""])
def test_release_plan_is_asked_through_dagster(
    sender: str, sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the process, the request says that it came through Dagster, and who sent the message if one did."""
    gated = sandbox_env.model_copy(update={"approval": Approval(before="applications")})
    asked: list[dict[str, str]] = []

    def request(_registry: object, _context: object, _approval: object, **how: str) -> PendingApproval:
        asked.append(how)
        return PendingApproval(cast(Any, None), cast(Any, None), None)

    monkeypatch.setattr(plan_assets, "request_approval", request)
    monkeypatch.setattr(environments, "check_incumbent", lambda _context: None)  # there is no AWS to ask
    monkeypatch.setattr(Platform, "open", lambda *_, **__: Context(gated, cast(Any, None)))
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        assert dg.materialize(
            [plan_assets.build_release_plan(Registry.of([]), CodeLocation())],
            partition_key="sandbox",
            resources={"platform": Platform()},
            instance=instance,
            tags={"eks-assets/sender": sender} if sender else {},
        ).success
    assert asked == [{"through": "Dagster", "sender": sender}]
