"""What the code persists or shows under a name keeps that name: asset keys and dependencies, run tags, ledger keys,
JSON keys, SSM paths, rows of the lease table.

`recorded_names.json` is the record. A name that is to change is recorded anew, and what reads the old one is dealt with
in the same change: `RECORD_NAMES=1 python -m pytest tests/e2e/test_recorded_names.py` writes all of it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.e2e.recorded_names import names_persisted as persisted
from tests.e2e.recorded_names import names_printed as printed
from tests.e2e.recorded_names import names_shown as shown
from tests.e2e.recorded_names.stand_in_aws import StandInAws

FILE = Path(__file__).parent / "recorded_names" / "recorded_names.json"
IS_RECORDING = bool(os.environ.get("RECORD_NAMES"))


class Record:
    """The record, by section; while it is recorded, what was compared so far."""

    def __init__(self) -> None:
        self.sections: dict[str, Any] = {} if IS_RECORDING else json.loads(FILE.read_text())

    def compare(self, section: str, live: Any) -> None:
        """Fails with each path that differs."""
        if IS_RECORDING:
            self.sections[section] = jsonable(live)
        differing = list(differences(self.sections[section], jsonable(live), section))
        assert not differing, "\n".join(differing)


def jsonable(document: Any) -> Any:
    return json.loads(json.dumps(document))


def differences(recorded: Any, live: Any, path: str) -> Iterator[str]:
    """A line for each path at which two JSON documents differ."""
    if isinstance(recorded, dict) and isinstance(live, dict):
        for key in sorted(recorded.keys() | live.keys()):
            if key not in live:
                yield f"{path} {key}: recorded, and gone"
            elif key not in recorded:
                yield f"{path} {key}: not recorded"
            else:
                yield from differences(recorded[key], live[key], f"{path} {key}")
    elif recorded != live:
        yield f"{path}: recorded {recorded}, now {live}"


@pytest.fixture(scope="module")
def record() -> Iterator[Record]:
    """Read once; written at the end where it is recorded."""
    one = Record()
    yield one
    if IS_RECORDING:
        FILE.write_text(json.dumps(one.sections, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> StandInAws:
    """An AWS that holds nothing."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(printed.ROOT / "environments"))
    return StandInAws().install(monkeypatch)


def test_asset_graph_matches_the_record(record: Record) -> None:
    """Every asset has its key and directly depends on the same assets."""
    record.compare("asset dependencies", shown.asset_dependencies())


def test_asset_labels_match_the_record(record: Record) -> None:
    """Every asset has its group, kinds, owners, tags and partitions."""
    record.compare("asset labels", shown.asset_labels())


def test_asset_checks_match_the_record(record: Record) -> None:
    """Every asset has its checks, and those that block still do."""
    record.compare("asset checks", shown.asset_checks())


def test_jobs_match_the_record(record: Record) -> None:
    """Every job has its name, assets, executor, partitions and configuration; sensors launch the job `deploy`."""
    record.compare("jobs", shown.jobs())
    assert shown.job_of_deploys() in record.sections["jobs"]


def test_sensors_match_the_record(record: Record) -> None:
    """Every sensor has its name and launches the same jobs."""
    record.compare("sensors", shown.sensors())


def test_schedules_match_the_record(record: Record) -> None:
    """There are the schedules that were recorded."""
    record.compare("schedules", shown.schedules())


def test_run_tags_match_the_record(record: Record) -> None:
    """Runs carry the tags that people filter by and that sensors look for in earlier runs."""
    record.compare("run tags", shown.run_tags())


def test_sensor_cursors_match_the_record(record: Record) -> None:
    """A cursor that was written before is read: another key in it would make it a lost one."""
    record.compare("sensor cursors", shown.sensor_cursors())


def test_labels_in_the_cluster_match_the_record(record: Record) -> None:
    """Objects in the cluster are found again by the marks that they carry."""
    record.compare("labels in the cluster", shown.labels_in_the_cluster())


def test_commands_match_the_record(record: Record) -> None:
    """Every command has its name and options."""
    record.compare("commands", shown.commands())


def test_exec_plugin_matches_the_record(record: Record) -> None:
    """A kubeconfig that was written before names a command that still exists."""
    plugin = shown.exec_plugin()
    record.compare("exec plugin", plugin)
    *recorded, _ = record.sections["exec plugin"]["args"]
    answer = subprocess.run([sys.executable, *recorded, "--help"], cwd=shown.ROOT, capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr.decode()


def test_code_location_matches_the_record(record: Record) -> None:
    """The workspace and the project's settings name the same code location, which holds the definitions."""
    record.compare("code location", shown.code_location())
    recorded = record.sections["code location"]["tool.dagster"]["module_name"]
    assert isinstance(importlib.import_module(recorded).defs(), dg.Definitions)


def test_plan_document_matches_the_record(record: Record) -> None:
    """The plan of the recorded example is the same JSON document."""
    record.compare("plan", printed.example_plan())


def test_plan_digest_matches_the_record(record: Record) -> None:
    """The recorded plan has the recorded digest, and a plan's digest covers the same keys."""
    recorded, live = record.sections["plan"], printed.example_report()
    assert printed.digest_of_plan(recorded) == recorded["digest"]
    assert printed.digest_of_plan(live) == live["digest"] == live["release"]["digest"]


def test_ledger_objects_match_the_record(record: Record, aws: StandInAws) -> None:
    """Everything that is written to the ledger has its bucket, key and document."""
    record.compare("ledger", persisted.write_ledger(aws))


def test_recorded_ledger_is_read(record: Record, aws: StandInAws) -> None:
    """A ledger that was written before is understood, and `approvals --json` prints it as before."""
    record.compare("ledger as read", persisted.read_ledger(aws, record.sections["ledger"]))


def test_request_id_matches_the_record(record: Record) -> None:
    """A request that was written before keeps its id, which is what people have approved."""
    recorded = recorded_request(record)
    record.compare("request", persisted.written_request(recorded))


def test_decision_matches_the_record(record: Record, aws: StandInAws) -> None:
    """A decision is written to, and read from, the same SSM parameter in the same words."""
    record.compare("decision", persisted.written_decision(aws, recorded_request(record)))


def test_recorded_decision_is_read(record: Record, aws: StandInAws) -> None:
    """A decision that was written before, or by hand with the AWS CLI, counts."""
    value = record.sections["decision"]["value"]
    record.compare("decision as read", persisted.read_decision(aws, recorded_request(record), value))


def recorded_request(record: Record) -> dict[str, Any]:
    """The document of the request in the recorded ledger."""
    (request,) = (one for key, one in record.sections["ledger"]["objects"].items() if key.startswith("requests/"))
    return dict(request)


def test_lease_row_matches_the_record(record: Record, aws: StandInAws) -> None:
    """The row of a run that holds the environment has its key, attributes and types."""
    record.compare("lease", persisted.written_lease(aws))


def test_recorded_lease_row_is_read(record: Record, aws: StandInAws) -> None:
    """A row that was written before tells who holds the environment."""
    record.compare("lease as read", persisted.read_lease(aws, record.sections["lease"]["row"]))


def test_notification_row_matches_the_record(record: Record, aws: StandInAws) -> None:
    """The row of a notification has its key and attributes, so that none is sent again."""
    record.compare("notification", persisted.written_notification(aws))


def test_notification_ids_match_the_record(record: Record) -> None:
    """Every kind of notification has its id."""
    record.compare("notification ids", persisted.event_ids())


def test_what_units_make_matches_the_record(record: Record) -> None:
    """Every unit makes things of the same names, which it finds again by them."""
    record.compare("made by units", persisted.made_by_units())


def test_parameters_and_secrets_match_the_record(record: Record) -> None:
    """SSM parameters and secrets have their paths."""
    record.compare("parameters and secrets", persisted.parameters_and_secrets())


def test_bootstrap_matches_the_record(record: Record) -> None:
    """Bucket, table, key, policy and roles of the bootstrap have their names."""
    record.compare("bootstrap", persisted.bootstrapped())


def test_status_json_matches_the_record(record: Record) -> None:
    """`status --json` prints the same keys; where nobody knows since when, the time is that of the look."""
    record.compare("status --json", printed.printed_status())


def test_deploy_json_matches_the_record(record: Record) -> None:
    """`deploy --json` prints the same keys."""
    record.compare("deploy --json", printed.printed_deploy())


def test_log_line_matches_the_record(record: Record) -> None:
    """A line of the JSON log has the same keys."""
    record.compare("log line", printed.logged_line())


def test_deploy_requests_match_the_record(record: Record, aws: StandInAws) -> None:
    """CI finds its queue, and its messages say the same."""
    record.compare("deploy requests", persisted.deploy_requests(aws))
