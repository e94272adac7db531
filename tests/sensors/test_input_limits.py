"""One environment's file never stops another environment: it is refused, or left behind, by itself."""

from __future__ import annotations

import threading
import time
from typing import Any

import dagster as dg
import pytest

from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from sensors import polling
from sensors.deploy import deploy_sensor
from sensors.environments import environments_sensor
from tests.helpers.yaml_bombs import ALIAS_BOMB
from tests.sensors.conftest import Daemon, Files


def change(daemon: Daemon, files: Files) -> list[dg.DagsterRun]:
    """Change a file; the runs of the two ticks that it takes."""
    files.write("acme-dev", products_purchased=["a"])
    return daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor)


def test_bomb_in_one_file_holds_up_no_other(daemon: Daemon, files: Files) -> None:
    """A file of 380 bytes that stands for 400 million values is refused at once, and the others are deployed."""
    files.keep("acme-dev")
    daemon.tick(deploy_sensor)
    (files.folder / "zz.yaml").write_text(ALIAS_BOMB)
    (files.folder / "a...b.yaml").write_text("Dagster refuses this as a key")
    daemon.tick(environments_sensor)
    assert "'a...b'.yaml is left out" in daemon.said
    (run,) = change(daemon, files)
    assert run.tags["dagster/partition"] == "acme-dev"
    assert daemon.tick(deploy_sensor) == []
    assert "zz: left as it is: " in daemon.said
    assert "EKS_ASSETS_INPUT_NODES" in daemon.said


def test_file_that_takes_for_ever_holds_up_one_tick(
    daemon: Daemon, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not read in its seconds is left alone; later ticks do not wait for it again."""
    monkeypatch.setenv("EKS_ASSETS_INPUT_SECONDS", "4")
    files.keep("acme-dev", "acme-prod")
    daemon.tick(deploy_sensor)
    stopped = threading.Event()

    def slow_for_prod(name: str, *rest: Any) -> Environment:
        if name == "acme-prod":
            stopped.wait(300)
        return load_environment(name, *rest)

    monkeypatch.setattr(polling, "load_environment", slow_for_prod)
    try:
        (run,) = change(daemon, files)
        assert run.tags["dagster/partition"] == "acme-dev"
        began = time.monotonic()
        _, faults = polling.read_environments(load_registry().by_name)
        assert "EKS_ASSETS_INPUT_SECONDS" in faults["acme-prod"]
        assert time.monotonic() - began < 4
    finally:
        stopped.set()
