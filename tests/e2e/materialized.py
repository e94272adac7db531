"""Materialize by Dagster's own command, and a look at the run as the UI shows it."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg

from eks_assets.orchestration.home import open_instance
from sandbox.paths import PROJECT


class Run:
    """The newest run, as the UI shows it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.run = instance.get_run_records(limit=1)[0].dagster_run
        self._events = [entry.dagster_event for entry in instance.all_logs(self.run.run_id) if entry.dagster_event]

    def steps(self, kind: str) -> set[str]:
        """The steps that have an event of that type."""
        return {str(event.step_key) for event in self._events if event.event_type_value == kind}

    def results(self) -> dict[str, str]:
        """The first line of each materialization."""
        made = [
            event.step_materialization_data.materialization for event in self._events if event.is_step_materialization
        ]
        return {one.asset_key.to_user_string(): str(one.metadata["result"].value) for one in made}

    def failures(self) -> dict[str, str]:
        """What each failed step says."""
        failed = [event for event in self._events if event.is_step_failure]
        said = {str(e.step_key): e.step_failure_data.user_failure_data for e in failed}
        return {name: str(data.description) for name, data in said.items() if data}

    def checks(self) -> dict[str, bool]:
        evaluations = [
            e.asset_check_evaluation_data for e in self._events if e.event_type_value == "ASSET_CHECK_EVALUATION"
        ]
        return {f"{one.asset_key.to_user_string()}:{one.check_name}": one.passed for one in evaluations}


def materialize(environment: str, selection: str = "*") -> Run:
    """Materialize a selection of assets in one run, in the instance of DAGSTER_HOME."""
    with open_instance() as instance:
        instance.add_dynamic_partitions("environments", [environment])
        argv = ["asset", "materialize", "-m", "eks_assets.definitions", "--select", selection]
        subprocess.run(
            [sys.executable, "-m", "dagster", *argv, "--partition", environment],
            cwd=PROJECT,
            capture_output=True,
            check=False,
            timeout=300,
        )
        return Run(instance)
