"""A run that repairs: it puts back what a drift run found, and nothing else. On an embedded AWS."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from eks_assets.engine.drift.detection import detect_drift
from eks_assets.engine.drift.record import keep_report
from eks_assets.engine.history import list_history
from eks_assets.engine.runner import Result, run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.bootstrap.gate import anchor_json, make_anchor
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Approval, Environment, Roles
from resources.config.ignored_findings import IgnoredFinding
from resources.config.names import gate_parameter
from resources.config.settings.drift import Drift as Settings
from resources.context import Context
from resources.model.errors import ApprovalMissing, NotFound, Refused
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter, Stack
from resources.records.change_entry import list_entries
from resources.records.clock import server_time
from resources.records.drift_runs import DriftRun, last_drift_run
from tests.helpers.embedded_aws_server import resource
from tests.helpers.embedded_gate import gate_account
from tests.helpers.gate import PEOPLE

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()
REPAIRED = Settings(auto_repair=True)


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")):
        yield


class Repaired:
    """An environment with a stack and a parameter, deployed, to be changed and repaired."""

    def __init__(self, env: Environment) -> None:
        self.env, self.size, self.later = env, 30, dt.timedelta(hours=1)
        apply_bootstrap(env)
        for name in ("queue", "parameter"):
            self.run(name)

    def registry(self) -> Registry:
        @unit(wave="network")
        def queue(env: Environment) -> Stack[NoOutputs]:
            """A queue."""
            made = resource("SQS::Queue", QueueName=f"{env.target_env}-q", VisibilityTimeout=self.size)
            return Stack[NoOutputs](template={"Resources": {"Queue": made}})

        @unit(wave="applications")
        def parameter(env: Environment) -> Parameter[NoOutputs]:
            """A parameter."""
            return Parameter[NoOutputs](name=env.parameter_path("repaired"), value="wanted")

        return Registry.of([queue, parameter])

    def context(self, key: str | None = None) -> Context:
        return replace(Context.of(self.env, run_id="run-1"), repairs=key)

    def run(self, name: str, key: str | None = None) -> Result:
        registry = self.registry()
        return run_unit(registry, registry[name], self.context(key))

    def look(self) -> tuple[str, DriftRun]:
        """What a drift run finds and keeps, with its key."""
        report = detect_drift(self.registry(), self.context(), [unit.name for unit in self.registry().units])
        keep_report(self.context(), report)
        last = last_drift_run(self.context())
        assert last is not None
        return last

    @property
    def timeout(self) -> str:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["VisibilityTimeout"])
        return str(attributes["Attributes"]["VisibilityTimeout"])

    @property
    def sqs(self) -> Any:
        return self.context().aws.client("sqs")

    @property
    def url(self) -> str:
        return str(self.sqs.get_queue_url(QueueName=f"{self.env.target_env}-q")["QueueUrl"])

    def change_queue(self, **attributes: str) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def change_parameter(self, value: str) -> None:
        name = self.env.parameter_path("repaired")
        self.context().aws.client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


@pytest.fixture
def repaired(sandbox_env: Environment, account: None, monkeypatch: pytest.MonkeyPatch) -> Repaired:
    """Repairs come `later` than the changes of a test: an hour, unless it says otherwise."""
    fields = {"target_env": f"r{next(NUMBERS)}", "roles": Roles(), "drift": REPAIRED}
    made = Repaired(sandbox_env.model_copy(update=fields))
    monkeypatch.setattr("eks_assets.engine.drift.repair.server_time", lambda context: server_time(context) + made.later)
    return made


def test_repair_puts_back_what_a_drift_run_found(repaired: Repaired) -> None:
    """The ledger says which findings of which run it was; the history tells it apart from other changes."""
    repaired.change_queue(VisibilityTimeout="99")
    key, run = repaired.look()
    (finding,) = run.findings
    assert repaired.run("queue", key).change.action == "update"
    assert repaired.timeout == "30"
    assert repaired.look()[1].open == ()
    (entry, *_) = list_entries(repaired.context())
    assert entry["repair"] == {"drift": key, "findings": [finding.id]}
    events = list_history(repaired.context(), dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).events
    assert {(e.kind, e.unit) for e in events} == {
        ("changed", "queue"),
        ("changed", "parameter"),
        ("drifted", None),
        ("repaired", "queue"),
        ("in_sync", None),
    }
    assert [e.detail for e in events if e.kind == "repaired"] == [f"repair, {entry['action']}: {entry['reason']}"]
    assert repaired.run("queue", key).change.action == "none", "there is nothing left to repair"


def test_repair_leaves_what_changed_a_moment_ago(repaired: Repaired) -> None:
    """Also where that is a change after the drift run, of what had settled by then."""
    repaired.later = dt.timedelta()
    repaired.change_queue(VisibilityTimeout="99")
    key, _ = repaired.look()
    with pytest.raises(Refused, match="it changed less than 10m ago, and settles at"):
        repaired.run("queue", key)
    assert repaired.timeout == "99"
    assert list_entries(repaired.context())[0]["unit"] == "parameter", "nothing was tried"


def test_repair_brings_no_change_of_the_files(repaired: Repaired) -> None:
    """Whether a finding stands beside it or not: that is a deploy, which somebody has to want."""
    repaired.change_queue(DelaySeconds="7", VisibilityTimeout="99")
    key, _ = repaired.look()
    repaired.size = 60
    with pytest.raises(Refused, match="want another spec than was applied last"):
        repaired.run("queue", key)
    repaired.change_queue(DelaySeconds="0", VisibilityTimeout="30")
    with pytest.raises(Refused, match="nothing of it has drifted"):
        repaired.run("queue", key)
    assert repaired.timeout == "30"
    assert repaired.run("queue").change.action == "update"
    repaired.change_parameter("theirs")
    key, _ = repaired.look()
    assert repaired.run("parameter", key).change.action == "update"


def test_repair_leaves_what_is_ignored(repaired: Repaired) -> None:
    """Also where it was set aside after the drift run."""
    repaired.change_queue(VisibilityTimeout="99")
    key, run = repaired.look()
    entry = IgnoredFinding(finding=run.findings[0].id, reason="agreed", until="9999-12-31")
    settings = REPAIRED.model_copy(update={"ignore": (entry,)})
    repaired.env = repaired.env.model_copy(update={"drift": settings})
    with pytest.raises(Refused, match="nothing of it has drifted"):
        repaired.run("queue", key)
    assert repaired.timeout == "99"
    assert repaired.look()[1].ignored_in == ("queue",)


def test_repair_needs_a_drift_run_of_the_ledger(repaired: Repaired) -> None:
    """Whoever makes up the tag of a run repairs nothing."""
    repaired.change_queue(VisibilityTimeout="99")
    for key in ("drift/none.json", "changes/x.json", ""):
        with pytest.raises(NotFound):
            repaired.run("queue", key)
    assert repaired.timeout == "99"


def test_repair_behind_the_gate_needs_its_grant(repaired: Repaired) -> None:
    """As any change: a repair is no way around people."""
    repaired.change_parameter("theirs")
    key, _ = repaired.look()
    approval = Approval(before="applications", approvers=1, allow=PEOPLE)
    repaired.env = repaired.env.model_copy(update={"approval": approval})
    anchor = anchor_json(make_anchor(repaired.context()))
    ssm = repaired.context().aws.client("ssm")
    ssm.put_parameter(Name=gate_parameter(repaired.env), Value=anchor, Type="String", Overwrite=True)
    with pytest.raises(ApprovalMissing, match="is waiting for approval"):
        repaired.run("parameter", key)
    assert list_entries(repaired.context())[0]["action"] == "create"


def test_finding_that_came_back_is_another_one(repaired: Repaired) -> None:
    """After a repair the same change is found anew; after none it is the same."""
    time.sleep(1)  # AWS tells whole seconds
    repaired.change_queue(VisibilityTimeout="99")
    key, first = repaired.look()
    _, second = repaired.look()
    repaired.run("queue", key)
    repaired.change_queue(VisibilityTimeout="99")
    _, third = repaired.look()
    times = [run.findings[0].found_at for run in (first, second, third)]
    assert times[0] == times[1] == first.at
    assert times[2] == third.at
