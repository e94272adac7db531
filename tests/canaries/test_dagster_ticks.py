"""What Dagster's daemon notes in a tick is what sensors and the schedule know their own runs by."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from sandbox.paths import PROJECT
from sensors.launching import launches_for

CODE = """
import dagster as dg

@dg.asset
def network() -> None: ...

@dg.sensor(name="approval", job_name="deploy", default_status=dg.DefaultSensorStatus.RUNNING)
def approval():
    tags = {"dagster/partition": "demo", "eks-assets/release": "r"}
    return dg.RunRequest(run_key="r", tags=tags)

defs = dg.Definitions([network], jobs=[dg.define_asset_job("deploy")], sensors=[approval])
"""

SCHEDULE = """
import dagster as dg
from eks_assets.orchestration.environments import ENVIRONMENTS
from sensors.drift import drift_schedule

@dg.asset(partitions_def=ENVIRONMENTS)
def found() -> None: ...

defs = dg.Definitions([found], jobs=[dg.define_asset_job("drift", [found])], schedules=[drift_schedule])
"""
LAUNCHER = {"run_launcher": {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}}


def test_daemon_notes_the_runs_that_it_launches(tmp_path: Path) -> None:
    """A run that the daemon launched for a sensor is one of the sensor's; its exact copy is not, nor is it another
    sensor's."""
    file = tmp_path / "code.py"
    file.write_text(CODE)
    target = PythonFileTarget(str(file), None, str(tmp_path), "eks")
    with (
        instance_for_test(overrides=LAUNCHER) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        list(execute_sensor_iteration(workspace, logging.getLogger(__name__), None, None))
        (run,) = instance.get_runs()
        instance.add_run(dg.DagsterRun("deploy", tags=run.tags))
        tags = {"eks-assets/release": "r"}
        assert [one.run_id for one in launches_for(instance, "approval", "demo", "r", tags)] == [run.run_id]
        assert launches_for(instance, "deploy", "demo", "r", tags) == []


def test_daemon_launches_a_drift_run_once(tmp_path: Path, environments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon itself evaluates the schedule, with its clock moved: one run for a due time, none for the next minute,
    and one for all the times of a night in which it was down."""
    (tmp_path / "code.py").write_text(SCHEDULE)
    for file in environments.glob("*.yaml"):
        if file.stem != "acme-dev":
            file.unlink()
    text = (environments / "acme-dev.yaml").read_text().partition("\ndrift:")[0]
    (environments / "acme-dev.yaml").write_text(f'{text}\ndrift: {{cron: "0 * * * *"}}\n')
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    start = dt.datetime.now(dt.UTC).replace(minute=59, second=30) + dt.timedelta(hours=1)
    target = PythonFileTarget(str(tmp_path / "code.py"), None, str(PROJECT), "eks")
    with (
        instance_for_test(overrides=LAUNCHER) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        instance.add_dynamic_partitions("environments", ["acme-dev"])

        def launched(minutes: int) -> int:
            """How many runs there are once the daemon has looked so many minutes after the start."""
            then = start + dt.timedelta(minutes=minutes)
            logger = logging.getLogger(__name__)
            list(launch_scheduled_runs(workspace, logger, end_datetime_utc=then, iteration_times={}))
            for run in instance.get_runs():
                instance.report_run_canceled(run)
            return len(instance.get_runs())

        assert [launched(minutes) for minutes in (0, 1, 2, 602, 603)] == [0, 1, 1, 2, 2]
        keys = {run.tags["dagster/run_key"] for run in instance.get_runs()}
    hours = [start + dt.timedelta(seconds=30), start + dt.timedelta(hours=10, seconds=30)]
    assert keys == {f"acme-dev/{hour.replace(microsecond=0).isoformat()}" for hour in hours}
