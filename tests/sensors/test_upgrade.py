"""A raised version starts the job `upgrade`, each state of the upgrade once, and the deploy waits for it."""

from __future__ import annotations

import dagster as dg
import pytest

import sensors.deploy
import sensors.upgrade
from resources.config.environment import Environment
from resources.model.errors import Transient
from sensors.deploy import deploy_sensor
from sensors.upgrade import upgrade_sensor
from tests.sensors.conftest import Daemon, Files


class Cluster:
    """What there is to upgrade, in the place of AWS."""

    state = ""

    def read(self, _: Environment) -> str:
        if self.state == "throttled":
            raise Transient("Rate exceeded")
        return self.state


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, files: Files) -> Cluster:
    made = Cluster()
    files.keep("acme-dev")
    monkeypatch.setattr(sensors.upgrade, "read_state", made.read)
    monkeypatch.setattr(sensors.upgrade, "gate_fault", lambda _: "")
    monkeypatch.setattr(sensors.deploy, "awaits_upgrade", lambda env: bool(made.state))
    return made


def finish(daemon: Daemon, run: dg.DagsterRun, status: dg.DagsterRunStatus = dg.DagsterRunStatus.FAILURE) -> None:
    event = dg.DagsterEvent(
        event_type_value={
            dg.DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
            dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
        }[status].value,
        job_name=run.job_name,
        message="",
    )
    daemon.instance.report_dagster_event(event, run.run_id)


def test_each_state_of_an_upgrade_is_launched_once(daemon: Daemon, cluster: Cluster) -> None:
    """A run that failed is a person's; one that was killed leaves another state behind."""
    assert daemon.tick(upgrade_sensor) == []
    cluster.state = "upgrade/acme-dev/1"
    (run,) = daemon.tick(upgrade_sensor)
    assert (upgrade_sensor.job_name, run.tags["dagster/partition"]) == ("upgrade", "acme-dev")
    assert daemon.tick(upgrade_sensor) == []
    cluster.state = "upgrade/acme-dev/2"
    assert daemon.tick(upgrade_sensor) == []
    assert f"after run {run.run_id[:8]}" in daemon.said
    finish(daemon, run)
    (second,) = daemon.tick(upgrade_sensor)
    finish(daemon, second)
    assert daemon.tick(upgrade_sensor) == []
    assert "eks-assets upgrade acme-dev --to" in daemon.said


def test_manual_environments_and_silent_accounts_are_left_alone(daemon: Daemon, cluster: Cluster, files: Files) -> None:
    cluster.state = "throttled"
    assert daemon.tick(upgrade_sensor) == []
    assert "acme-dev: left as it is: Rate exceeded" in daemon.said
    cluster.state = "upgrade/acme-dev/1"
    files.write("acme-dev", deploy="manual")
    assert daemon.tick(upgrade_sensor) == []


def test_deploy_waits_for_the_upgrade(daemon: Daemon, cluster: Cluster, files: Files) -> None:
    daemon.tick(deploy_sensor)
    cluster.state = "upgrade/acme-dev/1"
    files.write("acme-dev", kubernetes_version="1.35", products_purchased=["payments"])
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    assert "it is deployed after the upgrade to Kubernetes 1.35" in daemon.said
    cluster.state = ""
    assert len(daemon.tick(deploy_sensor)) == 1
