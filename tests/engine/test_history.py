"""The history of an environment on an embedded AWS: what was asked, decided, done and found, in order."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eks_assets.cli.app import app
from eks_assets.cli.commands import history as history_command
from eks_assets.engine.history import list_history
from eks_assets.plan.history import Event
from resources.approval.decisions import decision_json, decision_parameter_name
from resources.config.environment import Environment
from resources.context import Context
from resources.model.change import Change
from resources.model.errors import ConfigError
from resources.records.change_entry import change_entry, record_change
from resources.records.drift_runs import DriftRun, FoundDrift, record_drift_run
from resources.records.ledger import read_key, write_once
from tests.helpers.embedded_gate import EmbeddedGate, gate_account
from tests.helpers.gate import Gate
from tests.helpers.json_schema import schema_faults, schema_of

pytestmark = pytest.mark.sandbox
OLDER = Path(__file__).parents[1] / "records" / "older_ledger.json"


@pytest.fixture(scope="module")
def gate(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedGate]:
    """An environment in which a plan was rejected, another one approved, one unit changed and one failed under it, and
    two drift runs found the same and a third one nothing."""
    with (
        gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as account,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(EmbeddedGate, "registry", Gate.registry)
        gate = account.gate(sandbox_env, "past")
        gate.values["second"] = "1"
        for key, entry in json.loads(OLDER.read_text()).items():
            write_once(gate.context(), key, entry)
        gate.decide(gate.request(), "alice", verdict="reject")
        gate.values["first"] = "2"
        request = gate.request()
        root = gate.context().aws.client("ssm")
        stranger = decision_json(request, "approve", "I can")
        root.put_parameter(Name=decision_parameter_name(gate.env, request.id), Value=stranger, Type="String")
        gate.decide(request, "alice", "bob")
        gate.run("first")
        context = gate.context("run-2")
        record_change(context, change_entry(context, "second", Change("update"), "AWS refused it", 1.0))
        _find_drift(gate)
        write_once(gate.context(), f"changes/{dt.datetime.now(dt.UTC).isoformat()}-junk.json", {"junk": True})
        yield gate


def _find_drift(gate: EmbeddedGate) -> None:
    finding = FoundDrift(
        id="0" * 12, unit="second", layer="parameter", object="/a", path="value", kind="changed", culprit="eve"
    )
    at = dt.datetime.now(dt.UTC)
    for number, findings in enumerate([(finding,), (finding,), ()]):
        at += dt.timedelta(milliseconds=1)
        run = DriftRun(environment=gate.env.name, at=at, run=f"drift-{number}", findings=findings)
        record_drift_run(gate.context(), run)


def events(gate: EmbeddedGate, unit: str | None = None) -> list[Event]:
    return list(list_history(gate.context(), dt.datetime.now(dt.UTC) - dt.timedelta(hours=1), unit).events)


def test_history_tells_who_did_what_in_order(gate: EmbeddedGate) -> None:
    """Requests, decisions by the name that AWS has, changes, failures, and each set of findings once."""
    happened = events(gate)
    assert [event.at for event in happened] == sorted(event.at for event in happened)
    kinds = [(event.kind, event.unit, event.who.rpartition(":")[2]) for event in happened]
    assert [kind for kind, _, _ in kinds].count("planned") == 2
    assert ("rejected", None, "user/alice") in kinds
    assert {("approved", None, f"user/{name}") for name in ("alice", "bob")} < set(kinds)
    assert ("changed", "first", "root") in kinds
    assert [(e.run, e.detail, e.sequence) for e in happened if e.kind == "failed"] == [
        ("run-2", "update: AWS refused it", 2)
    ]
    assert kinds[-2:] == [("drifted", None, "eve"), ("in_sync", None, "")]
    assert happened[-2].detail == "second: changed /a: value"


def test_decision_that_does_not_count_says_so(gate: EmbeddedGate) -> None:
    """Whoever may write the parameter appears, and why it changes nothing."""
    strangers = [event.detail for event in events(gate) if event.kind == "approved" and "root" in event.who]
    assert len(strangers) == 1
    assert "does not count" in strangers[0]


def test_history_of_a_unit_has_what_concerns_it(gate: EmbeddedGate) -> None:
    """Plans that change it and decisions on them, its own changes, and its own drift."""
    of_first = events(gate, "first")
    assert {event.unit for event in of_first} == {"first", None}
    assert not {"failed", "drifted"} & {event.kind for event in of_first}
    assert [event.kind for event in of_first].count("planned") == 2
    assert {"drifted", "failed"} < {event.kind for event in events(gate, "second")}
    assert events(gate, "network") == []


def test_what_is_older_is_not_read(gate: EmbeddedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys tell times: an entry of before `--since` is not even listed; with an earlier time it is read, whatever
    version wrote it."""
    read: list[str] = []

    def note(context: Context, key: str) -> bytes:
        read.append(key)
        return read_key(context, key)

    monkeypatch.setattr("eks_assets.engine.history.read_key", note)
    events(gate)
    assert read
    assert not [key for key in read if "2025" in key]
    older = list_history(gate.context(), dt.datetime(2025, 3, 1, tzinfo=dt.UTC)).events[:2]
    assert [(event.kind, event.unit, event.run) for event in older] == [
        ("changed", "network", "run-1"),
        ("failed", "cluster", "no run"),
    ]


@pytest.fixture
def history(gate: EmbeddedGate, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command on the environment."""
    monkeypatch.setattr(history_command, "load_environment", lambda *_, **__: gate.env)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["history", "sandbox", *arguments])

    return run


def test_history_is_a_table_and_json(history: Any) -> None:
    """Each event a line, the newest last, junk named; the same as data."""
    done = history("--since", "1h")
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [words[2] for words in lines if words and words[0][:4].isdigit()][-1] == "in"
    assert "-junk.json' is no entry of a change" in done.stdout
    report = json.loads(history("--since", "1h", "--json").stdout)
    assert [event["kind"] for event in report["events"]][-2:] == ["drifted", "in_sync"]
    assert len(report["ignored"]) == 1
    assert schema_faults(report, schema_of("history")) == []


@pytest.mark.parametrize("arguments", [("--unit", "netwrok"), ("--since", "yesterday"), ("--since", "2999-01-01")])
def test_bad_input_is_named(history: Any, arguments: tuple[str, str]) -> None:
    """An unknown unit and a time that is none, or still to come: exit 2, with what is allowed."""
    done = history(*arguments)
    assert isinstance(done.exception, ConfigError)
    assert arguments[1] in done.exception.message
    assert done.exception.next_step
