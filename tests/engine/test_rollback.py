"""A rollback: what an earlier run applied is wanted again, and held until the files change. On an embedded AWS."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Iterator

import pytest

from eks_assets.engine.drift.detection import detect_drift
from eks_assets.engine.history import list_history
from eks_assets.engine.planner import plan_environment
from eks_assets.engine.rollback import (
    RollbackPlan,
    build_rollback,
    find_target,
    order_rollback,
    plan_rollback,
)
from eks_assets.engine.runner import run_unit
from eks_assets.engine.undo import undo_deploy
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.units import load_registry
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment, Roles
from resources.context import Context
from resources.model.change import Change
from resources.model.errors import ConfigError, Refused
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter, Stack
from resources.records.change_entry import change_entry, record_change
from resources.records.rollbacks import end_holds, record_rollback
from resources.records.validations import record_validation
from tests.helpers.embedded_aws_server import resource
from tests.helpers.embedded_gate import gate_account

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()
UNITS = ("queue", "parameter", "kept")


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")):
        yield


class Platform:
    """A queue, a parameter, something that cannot go back, and what was added later. `size`, `value`, `password`: what
    the files want."""

    def __init__(self, env: Environment) -> None:
        self.env, self.size, self.value, self.password, self.is_bad = env, 30, "one", "hunter22-one", False
        self.has_more = False
        apply_bootstrap(env)

    def registry(self) -> Registry:
        @unit(wave="network")
        def queue(env: Environment) -> Stack[NoOutputs]:
            """A queue."""
            made = resource("SQS::Queue", QueueName=f"{env.target_env}-q", VisibilityTimeout=self.size)
            parameters = {"DatabasePassword": {"Type": "String"}}
            return Stack[NoOutputs](
                template={"Resources": {"Queue": made}, "Parameters": parameters},
                parameters={"DatabasePassword": self.password},
            )

        @unit(wave="network")
        def parameter(env: Environment) -> Parameter[NoOutputs]:
            """A parameter."""
            return Parameter[NoOutputs](name=env.parameter_path("one"), value=self.value)

        @unit(wave="network", reversibility="forward-only")
        def kept(env: Environment) -> Parameter[NoOutputs]:
            """Data, as it were."""
            return Parameter[NoOutputs](name=env.parameter_path("kept"), value=self.value)

        @unit(wave="network")
        def added(env: Environment) -> Parameter[NoOutputs]:
            """Somebody wants it later."""
            return Parameter[NoOutputs](name=env.parameter_path("added"), value="1")

        return Registry.of([queue, parameter, kept, *([added] if self.has_more else [])])

    def context(self, run: str = "run-0") -> Context:
        return Context.of(self.env, run_id=run)

    def deploy(self, run: str) -> dict[str, str]:
        """What was done to each unit."""
        time.sleep(0.002)  # the ledger's times are milliseconds
        registry, done = self.registry(), dict[str, str]()
        for name in registry.by_name:
            done[name] = run_unit(registry, registry[name], self.context(run)).change.action
        record_validation(self.context(), run, ("bad",) if self.is_bad else ())
        return done

    def plan(self, to: str | None = None, only: set[str] | None = None) -> RollbackPlan:
        context = self.context()
        return plan_rollback(self.registry(), context, find_target(context, to), only)

    def roll_back(self, to: str | None = None, only: set[str] | None = None) -> RollbackPlan:
        plan, context = self.plan(to, only), self.context()
        record_rollback(context, build_rollback(context, plan, "arn:aws:iam::000000000000:user/pat"))
        return plan

    @property
    def live(self) -> tuple[int, str]:
        """What the queue and the parameter are in AWS."""
        sqs, ssm = self.context().aws.client("sqs"), self.context().aws.client("ssm")
        url = sqs.get_queue_url(QueueName=f"{self.env.target_env}-q")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        name = self.env.parameter_path("one")
        return int(attributes["VisibilityTimeout"]), ssm.get_parameter(Name=name)["Parameter"]["Value"]


@pytest.fixture
def platform(sandbox_env: Environment, account: None) -> Platform:
    """Deployed as it should be by `first`, and by `second` as it should not."""
    made = Platform(sandbox_env.model_copy(update={"target_env": f"b{next(NUMBERS)}", "roles": Roles()}))
    made.deploy("first")
    made.size, made.value, made.is_bad = 99, "two", True
    made.deploy("second")
    assert made.live == (99, "two")
    return made


def test_rollback_brings_the_last_green_run_back_and_holds_it(platform: Platform) -> None:
    """Deploys leave it until its files change, each unit by itself; the history tells when and by whom."""
    plan = platform.roll_back()
    assert plan.target.run == "first"
    assert [hold.unit for hold in plan.holds] == ["queue", "parameter"]
    assert [(step.unit, step.reason.partition(":")[0]) for step in plan.stays] == [("kept", "it is forward-only")]
    assert platform.deploy("third") == {"queue": "update", "parameter": "update", "kept": "none"}
    assert platform.live == (30, "one")
    assert platform.deploy("fourth") == {"queue": "none", "parameter": "none", "kept": "none"}
    planned = plan_environment(platform.registry(), platform.context())
    assert {u.unit: u.held.partition(" (")[2] for u in planned.units if u.held} == {
        "queue": "rollback to run first)",
        "parameter": "rollback to run first)",
    }
    assert detect_drift(platform.registry(), platform.context(), UNITS).findings == ()

    platform.value = "three"
    assert platform.deploy("fifth") == {"queue": "none", "parameter": "update", "kept": "update"}
    assert platform.live == (30, "three")
    events = list_history(platform.context(), dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).events
    (event,) = [event for event in events if event.kind == "rolled_back"]
    assert event.detail == "to run first, held back since: queue, parameter"
    assert event.who.endswith("user/pat")


def test_end_of_holds_brings_the_files_content(platform: Platform) -> None:
    platform.roll_back()
    platform.deploy("third")
    context = platform.context()
    assert [hold.unit for hold in end_holds(context, "pat")] == ["queue", "parameter"]
    assert platform.deploy("fourth") == {"queue": "update", "parameter": "update", "kept": "none"}
    assert platform.live == (99, "two")


def test_one_unit_goes_back_alone_and_keeps_earlier_holds(platform: Platform) -> None:
    platform.roll_back(only={"queue"})
    assert platform.deploy("third")["parameter"] == "none"
    assert platform.live == (30, "two")
    platform.roll_back("first", {"parameter"})
    platform.deploy("fourth")
    assert platform.live == (30, "one")


def test_nothing_is_held_where_nothing_changed_since(platform: Platform) -> None:
    """A run that changed a unit back and forth changed nothing."""
    platform.size, platform.value, platform.is_bad = 30, "one", False
    platform.deploy("third")
    assert platform.plan("first").steps == ()
    assert platform.plan().target.run == "third"


def test_what_was_removed_since_is_not_made_again(platform: Platform) -> None:
    """A deploy does that, of what the files say."""
    context = platform.context("removal")
    record_change(context, change_entry(context, "parameter", Change("delete"), "done", 1.0))
    steps = {step.unit: step for step in platform.plan().steps}
    assert steps["queue"].hold is not None
    assert (steps["parameter"].hold, steps["parameter"].reason.partition(";")[0]) == (None, "it was removed since")


def test_what_was_added_since_is_named_with_what_removes_it(platform: Platform) -> None:
    """It stays: a rollback removes nothing."""
    platform.has_more = True
    platform.deploy("third")
    (step,) = [step for step in platform.plan("second").stays if step.unit == "added"]
    assert f"switch it off in the file, then: eks-assets destroy {platform.env.name} --removed" in step.reason
    platform.roll_back("second")
    assert platform.deploy("fourth")["added"] == "none"


def test_asked_for_what_cannot_go_back_is_refused(platform: Platform) -> None:
    """Before anything starts, with the reason."""
    with pytest.raises(ConfigError, match="kept cannot go back: it is forward-only"):
        platform.plan(only={"kept"})
    with pytest.raises(ConfigError, match="has no run whose id begins with 'nope'") as refused:
        platform.plan("nope")
    assert "second" in refused.value.next_step


def test_a_secret_is_taken_from_the_files_where_it_is_the_same(platform: Platform) -> None:
    """The ledger has its hash only: where the files have another one by now, the unit stays."""
    assert [hold.unit for hold in platform.plan().holds] == ["queue", "parameter"]
    platform.password = "another-9"
    (stays, *_) = platform.plan().stays
    assert stays.unit == "queue"
    assert "parameters.DatabasePassword" in stays.reason
    assert "hunter22" not in repr(platform.plan())


def test_without_a_green_run_it_asks_for_one(sandbox_env: Environment, account: None) -> None:
    made = Platform(sandbox_env.model_copy(update={"target_env": f"b{next(NUMBERS)}", "roles": Roles()}))
    made.is_bad = True
    made.deploy("only")
    with pytest.raises(ConfigError, match="no run whose validation was green") as refused:
        made.plan()
    assert "choose one with --to: only" in refused.value.next_step


def test_failed_deploy_is_taken_back_in_reverse_order(platform: Platform) -> None:
    """What is reversible of it, and nothing older; then it is held."""
    began = dt.datetime.now(dt.UTC)
    time.sleep(0.002)
    platform.size, platform.value = 120, "three"
    platform.deploy("third")
    registry, context = platform.registry(), platform.context("undo")
    ends = list(undo_deploy(registry, context, began, "pat", run="third"))
    assert [(end.unit.name, end.is_good) for end in ends] == [("parameter", True), ("queue", True)]
    assert platform.live == (99, "two")
    assert set(platform.deploy("fourth").values()) == {"none"}


def test_what_others_have_changed_since_is_not_taken_back(platform: Platform) -> None:
    """Nothing goes back then: who went on knows why."""
    began = dt.datetime.now(dt.UTC)
    time.sleep(0.002)
    platform.size = 120
    platform.deploy("third")
    platform.value = "three"
    platform.deploy("fourth")
    with pytest.raises(Refused, match="run fourth has changed parameter"):
        list(undo_deploy(platform.registry(), platform.context("undo"), began, "pat", run="third"))
    assert platform.live == (120, "three")


def test_what_needs_something_goes_back_before_it() -> None:
    """Nodes before the control plane; the branch, and what follows from all of it, afterwards."""
    registry = load_registry()
    back = {"cluster", "node_groups", "loki", "application_config", "product_applications"}
    names = [unit.name for unit in registry.units if unit.name in back | {"validation"}]
    *first, last = order_rollback(registry, back, names)
    assert [set(layer) for layer in first] == [{"loki"}, {"node_groups"}, {"cluster"}]
    assert last == ["application_config", "product_applications", "validation"]
