"""What people change in the cluster is repaired by itself, and what nobody declared is left alone."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from functools import partial

import dagster as dg
import pytest

from eks_assets.definitions import defs
from resources.config.environment import Environment
from resources.context import Context
from resources.records.clock import server_time
from sensors.polling import look_at_each
from sensors.repair import repair_sensor
from tests.conftest import Cli
from tests.e2e.conftest import Change
from tests.sensors.conftest import Daemon

pytestmark = pytest.mark.sandbox
Kubectl = Callable[..., str]
DEPLOYMENT = ("deployment", "external-dns", "-n", "external-dns")
NAMES = ("-o", "jsonpath={.spec.template.spec.containers[0].env[*].name}")


@pytest.fixture
def daemon(platform: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A daemon whose sensors have time to ask a busy machine."""
    monkeypatch.setattr("sensors.repair.look_at_each", partial(look_at_each, seconds=60))
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        yield Daemon(instance)


def run(daemon: Daemon, job: str, asset_selection: list[dg.AssetKey] | None = None, **tags: str) -> None:
    """A run of the job, in this process."""
    result = (
        defs()
        .resolve_job_def(job)
        .execute_in_process(
            partition_key="sandbox", instance=daemon.instance, asset_selection=asset_selection, tags=tags
        )
    )
    assert result.success


def test_drift_is_repaired_by_itself_once_it_has_settled(
    daemon: Daemon, kubectl: Kubectl, eks_assets: Cli, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drift run finds it, the sensor launches its unit, the run puts it back; the history says so."""
    change(drift={"auto_repair": True})
    added = {"spec": {"containers": [{"name": "external-dns", "env": [{"name": "ADDED", "value": "1"}]}]}}
    kubectl("patch", *DEPLOYMENT, "--type=strategic", "-p", json.dumps({"spec": {"template": added}}))
    kubectl("create", "deployment", "mine", "-n", "external-dns", "--image=mine")
    run(daemon, "drift")
    assert daemon.tick(repair_sensor) == []
    assert "external_dns: not repaired: it changed less than 10m ago" in daemon.said

    def later(context: Context) -> dt.datetime:
        return server_time(context) + dt.timedelta(minutes=11)

    for module in ("sensors.repair", "eks_assets.engine.drift.repair"):
        monkeypatch.setattr(f"{module}.server_time", later)
    (launched,) = daemon.tick(repair_sensor)
    assert launched.asset_selection == {dg.AssetKey("external_dns")}
    daemon.instance.delete_run(launched.run_id)
    run(daemon, "deploy", [dg.AssetKey("external_dns")], **launched.tags)
    assert "ADDED" not in kubectl("get", *DEPLOYMENT, *NAMES)
    assert "mine" in kubectl("get", "deployments", "-n", "external-dns", "-o", "name")
    kubectl("delete", "deployment", "mine", "-n", "external-dns")
    assert eks_assets("drift", "sandbox", "--only", "external_dns").returncode == 0
    events = json.loads(eks_assets("history", "sandbox", "--since", "1h", "--json").stdout)["events"]
    assert [event["unit"] for event in events if event["kind"] == "repaired"] == ["external_dns"]
