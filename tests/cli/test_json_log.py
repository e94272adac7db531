"""`deploy --log-format json`: one object a line for every event, as they stand in Dagster's log."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from resources.config.environment import Environment
from resources.config.loader import load_environment
from sandbox.paths import PROJECT
from tests.conftest import Cli

pytestmark = pytest.mark.sandbox
FIELDS = ["time", "level", "environment", "run", "wave", "unit", "event", "message", "duration"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an environment of these tests' own, `logged`, whose git host does not answer."""
    folder = tmp_path_factory.mktemp("environments")
    text = (PROJECT / "environments" / "sandbox-gated.yaml").read_text()
    document = yaml.safe_load(text.replace("gated", "logged").replace("10.1.0.0", "10.2.0.0"))
    del document["approval"]
    document["git"] = {"repository": "http://127.0.0.1:9/argocd-app-config.git"}
    (folder / "logged.yaml").write_text(yaml.safe_dump(document))
    (folder / "clusters").mkdir()
    (folder / "clusters" / "sandbox.yaml").write_text((PROJECT / "environments/clusters/sandbox.yaml").read_text())
    return folder


@pytest.fixture(scope="module")
def logged(folder: Path, eks_assets: Cli) -> Environment:
    """That environment, bootstrapped."""
    done = eks_assets("bootstrap", "logged", "--apply", EKS_ASSETS_ENVIRONMENTS=str(folder))
    assert done.returncode == 0, done.stderr
    return load_environment("logged", folder)


@pytest.fixture
def deploy(logged: Environment, folder: Path, eks_assets: Cli) -> Cli:
    """Deploys those units of it, with its events as JSON lines."""

    def run(*units: str) -> subprocess.CompletedProcess[str]:
        only = [word for unit in units for word in ("--only", unit)]
        return eks_assets("deploy", "logged", "--log-format", "json", *only, EKS_ASSETS_ENVIRONMENTS=str(folder))

    return run


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Every line of the output; one that is no JSON fails the test."""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(list(event) == FIELDS for event in lines), done.stdout
    return lines


def of(unit: str | None, all_events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The unit's events by kind; of a kind that came several times, the last."""
    return {event["event"]: event for event in all_events if event["unit"] == unit}


def dagster_log(run: str) -> list[dg.EventLogEntry]:
    """All that Dagster keeps of a run."""
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
        return [record.event_log_entry for record in instance.get_records_for_run(run).records]


def test_json_log_has_every_event_of_a_deploy(deploy: Cli) -> None:
    """Plan, run, units, checks and progress are events with times and durations, as in Dagster's log."""
    began = datetime.now(UTC)
    done = deploy("hosted_zone", "security_groups", "network")
    assert done.returncode == 0, done.stdout + done.stderr
    all_events = events(done)

    whole = of(None, all_events)
    assert list(whole) == ["planned", "run_started", "run_finished"]
    assert whole["planned"]["message"] == "3 of 3 units have something to do"
    assert (whole["run_finished"]["level"], whole["run_finished"]["message"]) == ("info", "deployed")
    assert whole["run_finished"]["duration"] > 0
    (run,) = {event["run"] for event in all_events} - {None}

    zone = of("hosted_zone", all_events)
    assert next(iter(zone)) == "unit_started"
    assert list(zone)[-1] == "unit_succeeded"
    assert zone["check_passed"]["message"].startswith("check zone_served: logged.test. is served by ")
    assert zone["unit_succeeded"]["message"].startswith("created in ")
    assert zone["unit_succeeded"]["duration"] > 0
    assert zone["unit_started"]["duration"] is None
    assert {(e["environment"], e["wave"]) for e in zone.values()} == {("logged", "network")}

    times = [datetime.fromisoformat(event["time"]) for event in all_events]
    assert all(began < time < datetime.now(UTC) for time in times)
    kept = dagster_log(run)
    last = kept[-1].dagster_event
    assert last
    assert last.event_type == dg.DagsterEventType.RUN_SUCCESS, "nothing follows the end of a run"
    said = "\n".join(map(repr, kept))
    progress = [event["message"] for event in all_events if event["event"] == "progress"]
    assert progress
    assert all(message in said for message in progress)


def test_json_log_of_nothing_to_do_has_a_last_event(deploy: Cli) -> None:
    """A deploy without changes ends with `run_finished`, too."""
    deploy("hosted_zone")
    done = deploy("hosted_zone")
    (only,) = events(done)
    assert (only["event"], only["message"], only["run"]) == ("run_finished", "nothing to do", None)


def test_json_log_has_failed_retried_and_skipped_units(deploy: Cli) -> None:
    """Retries are warnings, failures errors with the next step, and skipped units name what they wait for."""
    done = deploy("hosted_zone", "certificate", "application_config", "argo_projects")
    assert done.returncode == 1, done.stdout + done.stderr
    all_events = events(done)
    failed, skipped = of("application_config", all_events), of("argo_projects", all_events)
    assert [e["event"] for e in all_events if e["unit"] == "application_config"].count("unit_retry") == 2
    assert (failed["unit_retry"]["level"], failed["unit_failed"]["level"]) == ("warning", "error")
    assert "Failed to connect" in failed["unit_retry"]["message"]
    assert "Next: check that the repository's host can be reached from here" in failed["unit_failed"]["message"]
    assert failed["unit_failed"]["duration"] > 2, "two pauses of a second"
    assert list(skipped) == ["unit_skipped"]
    assert skipped["unit_skipped"]["message"] == "it waits for application_config"
    last = all_events[-1]
    assert (last["event"], last["level"]) == ("run_finished", "error")
    assert last["message"].startswith("failed application_config: git ls-remote of http://127.0.0.1:9/")
    assert "continue with: eks-assets deploy logged" in last["message"]


def test_json_log_has_bad_input_as_event_and_error(deploy: Cli, folder: Path) -> None:
    """Bad input is an event on stdout and an error on stderr."""
    file = folder / "logged.yaml"
    good = file.read_text()
    file.write_text(good.replace("demo-logged-deployer", "nobody"))
    try:
        done = deploy("hosted_zone")
    finally:
        file.write_text(good)
    assert done.returncode == 2
    (only,) = events(done)
    assert (only["event"], only["level"]) == ("run_refused", "error")
    assert only["message"].startswith("cannot act as arn:aws:iam::000000000000:role/nobody")
    assert "error: cannot act as" in done.stderr


def test_json_document_and_json_log_are_separate(deploy: Cli, folder: Path, eks_assets: Cli) -> None:
    """With `--json` the events go to stderr."""
    deploy("hosted_zone")
    arguments = ("deploy", "logged", "--only", "hosted_zone", "--json", "--log-format", "json")
    done = eks_assets(*arguments, EKS_ASSETS_ENVIRONMENTS=str(folder))
    assert json.loads(done.stdout)["outcome"] == "nothing to do"
    assert json.loads(done.stderr)["event"] == "run_finished"
