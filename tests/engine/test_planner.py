"""The plan of an environment, with a driver that says what each unit is to look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eks_assets.engine import planner
from eks_assets.engine.planner import plan_environment
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.plan.unit_plan import EnvironmentPlan
from resources.aws.session import Aws
from resources.config.environment import Addon, Environment
from resources.context import Context
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed
from resources.model.checks import Check
from resources.model.errors import NotFound, OperationFailed, WrongAccount
from resources.model.outputs import NoOutputs, Outputs, plain_document
from resources.model.specs import Stack
from resources.probes.result import CheckResult

pytestmark = pytest.mark.usefixtures("no_rollback")


class Vpc(Outputs):
    vpc_id: str


@unit(wave="network")
def base() -> Stack[Vpc]:
    """What the others read from."""
    return Stack[Vpc](name="base", template={})


@unit(wave="cluster")
def reader(vpc: Vpc) -> Stack[NoOutputs]:
    """Reads from base."""
    return Stack[NoOutputs](name="reader", template={}, parameters={"Vpc": vpc.vpc_id})


@unit(wave="configuration", after=[reader])
def last() -> Stack[NoOutputs]:
    """Comes after reader."""
    return Stack[NoOutputs](name="last", template={})


@unit(wave="configuration")
def aside() -> Stack[NoOutputs]:
    """Depends on nothing."""
    return Stack[NoOutputs](name="aside", template={})


REGISTRY = Registry.of([base, reader, last, aside])
ALL = ("base", "reader", "last", "aside")
VPC = Vpc(vpc_id="vpc-1")


@dataclass
class Account:
    """What exists: a stack's parameters by name, and what goes wrong."""

    stacks: dict[str, dict[str, str]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    unhealthy: set[str] = field(default_factory=set)
    errors: dict[str, Exception] = field(default_factory=dict)
    looked_at: list[str] = field(default_factory=list)

    def observe(self, spec: Stack[Any], _: Context) -> Observed | None:
        if spec.name in self.errors:
            raise self.errors[spec.name]
        if spec.name not in self.stacks:
            return None
        outputs = VPC if spec.name == "base" else NoOutputs()
        return Observed(self.statuses.get(spec.name, "CREATE_COMPLETE"), {"p": self.stacks[spec.name]}, outputs)

    def observe_drift(self, _: Stack[Any], observed: Observed | None, *__: Any) -> Observed | None:
        return observed

    def plan(self, spec: Stack[Any], observed: Observed | None) -> Change:
        if observed is None:
            return Change("create", (FieldChange("", None, spec.name),), "does not exist")
        if observed.desired["p"] == plain_document(spec.parameters):
            return NOTHING_TO_DO
        return Change("update", (FieldChange("p", observed.desired["p"], plain_document(spec.parameters)),), "differs")

    def run_probe(self, _: Check, spec: Stack[Any], __: Context) -> CheckResult:
        self.looked_at.append(spec.name)
        return CheckResult(spec.name not in self.unhealthy, "seen")


Plan = Callable[..., EnvironmentPlan]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    existing = Account({"base": {}, "reader": {"Vpc": "vpc-1"}, "last": {}, "aside": {}})
    monkeypatch.setattr(planner, "driver_of", lambda _: existing)
    monkeypatch.setattr(planner, "run_probe", existing.run_probe)
    return existing


@pytest.fixture
def plan(account: Account, sandbox_env: Environment) -> Plan:
    def run(env: Environment = sandbox_env, **options: Any) -> EnvironmentPlan:
        aws = cast(Aws, SimpleNamespace(check_account=lambda: None))
        return plan_environment(REGISTRY, Context(env, aws), **options)

    return run


def states(environment_plan: EnvironmentPlan) -> dict[str, str]:
    return {u.unit: u.state for u in environment_plan.units}


def test_plan_of_healthy_unchanged_environment_is_empty(plan: Plan) -> None:
    """What exists as desired and is healthy is in sync, and nothing runs."""
    planned = plan()
    assert states(planned) == dict.fromkeys(ALL, "in_sync")
    assert planned.to_run(REGISTRY) == ()
    assert planned["base"].outputs == VPC


def test_plan_of_empty_account_creates_everything(plan: Plan, account: Account) -> None:
    """In an empty account everything is created, in order, and no health is checked."""
    account.stacks.clear()
    planned = plan()
    assert states(planned) == dict.fromkeys(ALL, "pending")
    assert planned.to_run(REGISTRY) == tuple(u.name for u in REGISTRY.units)
    assert {u.change.action for u in planned.units} == {"create"}
    assert planned["reader"].waits_for == ("base.vpc_id",)
    assert account.looked_at == [], "nothing to look at"


def test_changed_unit_runs_with_its_dependents(plan: Plan, account: Account) -> None:
    """A changed unit runs with the units that depend on it, and no others."""
    account.stacks["reader"] = {"Vpc": "vpc-0"}
    planned = plan()
    assert states(planned) == {**dict.fromkeys(ALL, "in_sync"), "reader": "pending"}
    assert planned["reader"].change.fields == (FieldChange("p", {"Vpc": "vpc-0"}, {"Vpc": "vpc-1"}),)
    assert planned.to_run(REGISTRY) == ("reader", "last"), "and neither base nor aside"


def test_unhealthy_unit_is_failed_though_nothing_differs(plan: Plan, account: Account) -> None:
    """A unit whose check fails is failed and runs, though it is as desired."""
    account.unhealthy.add("reader")
    planned = plan()
    assert planned["reader"].state == "failed"
    assert not planned["reader"].change.is_needed
    assert planned.to_run(REGISTRY) == ("reader", "last")
    assert [(c.name, c.passed) for c in planned["reader"].checks] == [("stack_complete", False)]


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "failed"])
def test_changed_unit_after_failed_operation_is_failed(plan: Plan, account: Account, status: str) -> None:
    """A unit that differs, and whose last operation failed, is failed rather than pending."""
    account.stacks["reader"], account.statuses["reader"] = {"Vpc": "vpc-0"}, status
    assert plan()["reader"].state == "failed"


def test_disabled_unit_is_neither_observed_nor_run(plan: Plan, account: Account, sandbox_env: Environment) -> None:
    """A disabled unit is neither observed nor run, even where it depends on a changed one."""
    account.errors["aside"] = AssertionError("looked at")
    off = sandbox_env.model_copy(update={"addons": {"aside": Addon(enabled=False), "last": Addon(enabled=False)}})
    account.stacks["reader"] = {"Vpc": "vpc-0"}
    planned = plan(off)
    assert (planned["aside"].state, planned["last"].state) == ("disabled", "disabled")
    assert planned.to_run(REGISTRY) == ("reader",), "last depends on it, and is off"


def test_unreadable_unit_is_unknown_and_others_are_planned(plan: Plan, account: Account) -> None:
    """A unit that cannot be read is unknown, with its error; the others are planned."""
    account.errors["aside"] = OperationFailed("AWS says no")
    planned = plan()
    assert states(planned) == {**dict.fromkeys(ALL, "in_sync"), "aside": "unknown"}
    assert [str(u.error) for u in planned.errors] == ["AWS says no"]
    assert planned.to_run(REGISTRY) == ("aside",)


def test_unit_behind_missing_unit_is_planned_for_later(plan: Plan, account: Account) -> None:
    """What is not found since its dependency does not exist yet is created later; otherwise it is a fault."""
    account.errors["reader"] = NotFound("there is no cluster")
    assert plan()["reader"].state == "unknown", "base exists: this is a fault"
    del account.stacks["base"]
    reader_plan = plan()["reader"]
    assert (reader_plan.state, reader_plan.change.action) == ("pending", "create")
    assert reader_plan.change.reason == "later: there is no cluster"
    assert reader_plan.error is None


def test_part_of_environment_is_planned_with_other_outputs(plan: Plan, account: Account) -> None:
    """A plan of one unit uses the outputs of the others and checks the health of that unit alone."""
    planned = plan(only={"reader"})
    assert states(planned) == {"reader": "in_sync"}
    assert account.looked_at == ["reader"], "health is asked of the chosen alone"


def test_plan_without_checks_checks_no_health(plan: Plan, account: Account) -> None:
    """Without checks no health is looked at, and unhealthy units are in sync."""
    account.unhealthy.update(ALL)
    assert states(plan(with_checks=False)) == dict.fromkeys(ALL, "in_sync")
    assert account.looked_at == []


def test_progress_reports_each_unit_once_in_order(plan: Plan) -> None:
    """Each unit is reported once, after those that it needs."""
    told: list[str] = []
    plan(progress=lambda u: told.append(u.unit))
    assert sorted(told) == sorted(ALL)
    assert told.index("base") < told.index("reader") < told.index("last")


def test_wrong_account_ends_plan_before_reading(account: Account, sandbox_env: Environment) -> None:
    """Credentials of another account end the plan before anything is read."""

    def refuse() -> None:
        raise WrongAccount("these are another account's credentials")

    context = Context(sandbox_env, cast(Aws, SimpleNamespace(check_account=refuse)))
    with pytest.raises(WrongAccount):
        plan_environment(REGISTRY, context)
    assert account.looked_at == []


@pytest.mark.parametrize("error", [KeyError("data"), RecursionError("deep"), MemoryError("no more")])
def test_unexpected_error_of_one_unit_stops_no_other(error: Exception, account: Account, plan: Plan) -> None:
    """What nobody thought of in what one unit reads is that unit's error; the others are planned."""
    account.errors["aside"] = error
    planned = plan()
    assert planned["aside"].state == "unknown"
    assert f"unexpected {type(error).__name__}" in str(planned["aside"].error)
    assert [unit.unit for unit in planned.errors] == ["aside"]
