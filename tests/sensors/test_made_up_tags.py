"""Tags of runs prove nothing: whoever may launch anything in Dagster can write them, and copy all of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from resources.approval.record import ApprovalRecord
from resources.config.environment import Approval, Environment
from sensors import approval, deploy
from sensors.deploy_requests import Message, _Work, deploy_requests_sensor
from tests.sensors.conftest import Daemon

SUCCESS, CANCELED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED
PREPARED: Any = {
    "another job": {"job_name": "plan_environment"},
    "one harmless unit": {"asset_selection": frozenset([dg.AssetKey("network")])},
    "another environment": {"environment": "acme-dev"},
    "no run key": {"without": "dagster/run_key"},
    "a run executed again": {"parent_run_id": "11111111-1111-1111-1111-111111111111", "root_run_id": "1"},
    "the same run": {},
    "the same run, stopped": {"status": CANCELED},
    "one step": {"step_keys_to_execute": ["network"]},
}


def launch(daemon: Daemon, sensor: dg.SensorDefinition, request: dg.RunRequest) -> dg.DagsterRun:
    """What Dagster's daemon makes of the request."""
    run = daemon.launch(sensor.name, request)
    assert run is not None
    return run


def forge(daemon: Daemon, request: dg.RunRequest, **made_up: Any) -> None:
    """A run with all the tags that the request would give it, which does something else."""
    without = made_up.pop("without", "")
    tags = {**request.tags, "dagster/run_key": str(request.run_key)}
    environment = made_up.pop("environment", str(request.partition_key))
    selection = frozenset(request.asset_selection) if request.asset_selection else None
    fields: dict[str, Any] = {"asset_selection": selection, "status": SUCCESS, **made_up}
    tags = {key: value for key, value in tags.items() if key not in (without, "dagster/partition")}
    daemon.add(environment, tags=tags, **fields)


def decide(daemon: Daemon, env: Environment) -> tuple[dg.RunRequest | None, str]:
    grant = SimpleNamespace(request=SimpleNamespace(digest="sha256:" + "a" * 64, id="asked-1"), approvers=("alice",))
    record = SimpleNamespace(grant=grant, states=(grant,), uses_of=lambda request: {})
    return approval.decide_launch(daemon.instance, env, cast(ApprovalRecord, record))


@pytest.mark.parametrize("made_up", PREPARED.values(), ids=PREPARED)
def test_what_was_approved_is_launched(daemon: Daemon, prod_env: Environment, made_up: dict[str, Any]) -> None:
    env = prod_env.model_copy(update={"approval": Approval()})
    expected, _ = decide(daemon, env)
    assert expected is not None
    for _ in range(approval.LAUNCHES):
        forge(daemon, expected, **made_up)
    request, reason = decide(daemon, env)
    assert request is not None, reason
    run = launch(daemon, approval.approval_sensor, request)
    again, reason = decide(daemon, env)
    assert again is None
    assert f"run {run.run_id[:8]} was launched for it" in reason


@pytest.mark.parametrize("made_up", PREPARED.values(), ids=PREPARED)
@pytest.mark.parametrize(
    "body", ['{"environment": "acme-prod", "id": "b7"}', '{"environment": "acme-prod", "only": ["efs"]}']
)
def test_a_request_is_served(daemon: Daemon, prod_env: Environment, body: str, made_up: dict[str, Any]) -> None:
    message = Message("m-1", body, "url", "receipt", "sender")

    def look() -> _Work:
        work = _Work(daemon.instance, {"acme-prod": prod_env})
        work.take(prod_env, message)
        return work

    first = look()
    (expected,) = first.requests.values()
    forge(daemon, expected, **made_up)
    later = _Work(daemon.instance, {"acme-prod": prod_env})
    later.settle_earlier(first.open)
    assert not later.settling()
    (request,) = look().requests.values()
    launch(daemon, deploy_requests_sensor, request)
    assert not look().requests
    later.settle_earlier(first.open)
    assert later.settling()


@pytest.mark.parametrize("made_up", PREPARED.values(), ids=PREPARED)
def test_changed_content_is_deployed(daemon: Daemon, prod_env: Environment, made_up: dict[str, Any]) -> None:
    env = prod_env.model_copy(update={"deploy": "automatic"})
    cursor = deploy.Cursor(dealt_with={"acme-prod": "old"}, changed={"acme-prod": "new"})

    def look() -> deploy.LaunchDecision:
        newest = deploy.newest_launch(daemon.instance, "acme-prod")
        return deploy.decide_launch(daemon.instance, env, "new", newest, cursor)

    expected = look().request
    assert expected is not None
    forge(daemon, expected, **made_up)
    request = look().request
    assert request is not None
    run = launch(daemon, deploy.deploy_sensor, request)
    assert f"run {run.run_id[:8]} was launched for it" in look().reason


def test_many_made_up_runs_hide_no_real_one(daemon: Daemon, prod_env: Environment) -> None:
    env = prod_env.model_copy(update={"approval": Approval()})
    request, _ = decide(daemon, env)
    assert request is not None
    launch(daemon, approval.approval_sensor, request)
    for _ in range(12):
        forge(daemon, request, asset_selection=frozenset([dg.AssetKey("network")]))
    assert decide(daemon, env)[0] is None
