"""No sensor deploys an environment whose file asks for less than its anchored gate, and each says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sensors.deploy
from resources.config.environment import Environment
from resources.config.gate_anchor import GateAnchor
from sensors import launching
from sensors.deploy import deploy_sensor
from sensors.deploy_requests import deploy_requests_sensor
from tests.helpers.gate import Gate
from tests.sensors.conftest import Daemon, Files

ANCHORED = "there is no approval; anchored: before applications"


@pytest.fixture
def anchored(account: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The administrator of the account has anchored a gate, and the file has none."""
    monkeypatch.setattr(sensors.deploy, "gate_fault", launching.gate_fault)
    gate = Gate(account, "sensors")
    gate.write_anchor(GateAnchor(before="applications").model_dump_json())
    yield
    gate.write_anchor(GateAnchor().model_dump_json())


def test_change_is_not_deployed_while_the_gate_is_less(
    daemon: Daemon, files: Files, anchored_gate: dict[str, str]
) -> None:
    """Every tick says why, and once the gate is right the change is deployed."""
    files.keep("acme-dev")
    daemon.tick(deploy_sensor)
    anchored_gate["acme-dev"] = "the file of acme-dev asks for less"
    files.write("acme-dev", products_purchased=["a"])
    for _ in range(3):
        assert daemon.tick(deploy_sensor) == []
    assert "its files changed; it is not deployed: the file of acme-dev asks for less" in daemon.said
    del anchored_gate["acme-dev"]
    assert len(daemon.tick(deploy_sensor)) == 1


@pytest.mark.sandbox
def test_file_that_lost_its_gate_is_deployed_by_no_sensor(anchored: None, daemon: Daemon, files: Files) -> None:
    """The commit that removes `approval` starts nothing, and a request in the queue waits in it."""
    files.keep("sandbox")
    daemon.tick(deploy_sensor)
    files.write("sandbox", products_purchased=["storefront"])
    for sensor in (deploy_sensor, deploy_sensor, deploy_requests_sensor):
        assert daemon.tick(sensor) == []
    assert ANCHORED in daemon.said
    daemon.tick(deploy_sensor)
    assert f"it is not deployed: the file of sandbox asks for less than the anchored approval gate: {ANCHORED}" in (
        daemon.said
    )
