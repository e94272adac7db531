"""A deploy that failed is taken back by one run of the job `rollback`, where the environment's file says so."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest

from eks_assets.orchestration.rollback_job import undo_config
from eks_assets.orchestration.run_tags import LAUNCH_TAG, REPAIR_TAG
from sensors.undo import undo_sensor
from tests.sensors.conftest import Daemon, Files

FAILED = dg.DagsterRunStatus.FAILURE
Tick = Callable[[], list[dg.RunRequest]]


@pytest.fixture
def tick(daemon: Daemon, files: Files) -> Tick:
    """`acme-dev` is to be taken back, `acme-prod` not. The sensor has run before anything fails."""
    assert daemon.instance.schedule_storage is not None
    daemon.instance.schedule_storage.wipe()
    files.keep("acme-dev", "acme-prod")
    files.write("acme-dev", on_failure="rollback")
    asked: list[dg.RunRequest] = []
    launch = daemon.launch

    def noting(sensor: str, request: dg.RunRequest) -> dg.DagsterRun | None:
        asked.append(request)
        return launch(sensor, request)

    daemon.launch = noting  # type: ignore[method-assign]

    def run_tick() -> list[dg.RunRequest]:
        asked.clear()
        daemon.tick(undo_sensor)
        return list(asked)

    assert run_tick() == []
    return run_tick


def failed_run(daemon: Daemon, environment: str = "acme-dev", **tags: str) -> dg.DagsterRun:
    run = daemon.add(environment, status=dg.DagsterRunStatus.STARTED, tags=tags)
    daemon.set(run, FAILED)
    return run


def test_failed_deploy_is_taken_back_once(daemon: Daemon, tick: Tick) -> None:
    """By the run whose changes they are; also where the cursor, or the run that was launched, is gone."""
    run = failed_run(daemon)
    (request,) = tick()
    assert request.partition_key == "acme-dev"
    assert request.run_config == undo_config(run.run_id)
    assert request.tags["eks-assets/why"] == f"run {run.run_id[:8]} failed, and on_failure is rollback"
    assert tick() == []
    launched = daemon.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": f"undo/{run.run_id}"}))
    daemon.instance.delete_run(launched[0].run_id)
    assert tick() == []
    assert "a rollback was launched for it" in daemon.said


def test_other_environments_and_outcomes_are_left(daemon: Daemon, tick: Tick) -> None:
    """The file decides; what was canceled or went well stays; so does what failed before the sensor ran first."""
    failed_run(daemon, "acme-prod")
    daemon.add("acme-dev", status=dg.DagsterRunStatus.SUCCESS)
    daemon.add("acme-dev", status=dg.DagsterRunStatus.CANCELED)
    assert tick() == []


@pytest.mark.parametrize("tag", [LAUNCH_TAG, REPAIR_TAG])
def test_command_line_and_repairs_are_left(daemon: Daemon, tick: Tick, tag: str) -> None:
    """The one takes its own deploys back; before the other something had drifted."""
    failed_run(daemon, **{tag: "x"})
    assert tick() == []


def test_whoever_goes_on_is_left_to_it(daemon: Daemon, tick: Tick) -> None:
    """A run that was started since may need what the one that failed has changed."""
    run = failed_run(daemon)
    other = daemon.add("acme-dev")
    assert tick() == []
    assert f"run {run.run_id[:8]} failed and is left to run {other.run_id[:8]}" in daemon.said
