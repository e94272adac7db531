"""An upgrade that is killed around each change that it makes, given again until it ends. On an embedded AWS."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from eks_assets.engine.upgrade import steps
from resources.drivers.stack import cluster_state
from resources.records.launch import leave_parents_launch
from resources.records.upgrades import last_upgrade
from tests.engine.upgrade.conftest import Upgraded
from tests.helpers.kills import Points, install

pytestmark = pytest.mark.sandbox


def act(platform: Upgraded, points: Path, phases: str, state: str) -> None:
    """In a process of its own, alone in its process group."""
    os.environ["EKS_ASSETS_SANDBOX_DIR"] = state
    cluster_state._INTERVAL, steps._AGAIN = 0.1, 0.2
    os.setpgrp()
    leave_parents_launch()
    install(Points(points, "all", phases))
    _, outcome = platform.upgrade()
    assert outcome == "done", outcome


def run_killed(platform: Upgraded, points: Path, phases: str) -> int:
    """Its exit code."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    state = os.environ["EKS_ASSETS_SANDBOX_DIR"]
    process = processes.Process(target=act, args=(platform, points, phases, state))
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.parametrize(
    "phases", ["alternate", *(pytest.param(f"before,{phase}", marks=pytest.mark.long) for phase in ("middle", "after"))]
)
def test_killed_upgrade_ends_where_a_whole_one_would(platform: Upgraded, tmp_path: Path, phases: str) -> None:
    """EKS is asked for each version once, each step is recorded once, and nothing is left to do."""
    points = tmp_path / "points"
    points.touch()
    platform.want("1.35")
    while (code := run_killed(platform, points, phases)) == -signal.SIGKILL:
        pass
    assert code == 0
    killed = {point.split()[0] for point in points.read_text().splitlines()}
    assert killed >= {"plane", "dns", "workers"}, killed
    assert (platform.version, platform.nodes) == ("1.35", "1.35")
    assert platform.updates == ["VersionUpdate"]
    upgrade = last_upgrade(platform.context())
    assert upgrade is not None
    steps_ended = [event.step for event in upgrade.events if event.kind == "ended"]
    assert len(steps_ended) == len(set(steps_ended)) == 8
    assert platform.upgrade() == ([], "nothing to do")
