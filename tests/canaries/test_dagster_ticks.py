"""What Dagster's daemon notes in a tick is what the sensors know their own runs by."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.sensor import execute_sensor_iteration

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


def test_daemon_notes_the_runs_that_it_launches(tmp_path: Path) -> None:
    """A run that the daemon launched for a sensor is one of the sensor's; its exact copy is not, nor is it another
    sensor's."""
    file = tmp_path / "code.py"
    file.write_text(CODE)
    launcher = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    target = PythonFileTarget(str(file), None, str(tmp_path), "eks")
    with (
        instance_for_test(overrides={"run_launcher": launcher}) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        list(execute_sensor_iteration(workspace, logging.getLogger(__name__), None, None))
        (run,) = instance.get_runs()
        instance.add_run(dg.DagsterRun("deploy", tags=run.tags))
        tags = {"eks-assets/release": "r"}
        assert [one.run_id for one in launches_for(instance, "approval", "demo", "r", tags)] == [run.run_id]
        assert launches_for(instance, "deploy", "demo", "r", tags) == []
