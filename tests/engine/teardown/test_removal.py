"""An environment is taken away in the reverse order of its graph, on an embedded AWS that has no cluster."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from eks_assets.engine.runner import run_unit
from eks_assets.engine.teardown.order import removal_order
from eks_assets.engine.teardown.planning import plan_teardown
from eks_assets.engine.teardown.removal import TeardownResult, destroy_environment
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit, unit
from eks_assets.plan.teardown import UnitOutcome, build_teardown_report
from eks_assets.units import load_registry
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Addon, Environment, Roles
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.model.errors import LeaseHeld, OperationFailed, Transient
from resources.model.outputs import NoOutputs
from resources.model.specs import HelmRelease, Parameter
from resources.records.change_entry import list_entries
from resources.records.lease import hold_lease
from tests.helpers.embedded_gate import GateAccount, gate_account

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@dataclass
class Platform:
    """An environment of three parameters, `top` on `middle` on `bottom`, beside a fourth, `apart`."""

    env: Environment
    units: dict[str, AnyUnit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bottom = self.parameter("bottom", "network")
        middle = self.parameter("middle", "cluster", bottom)
        self.parameter("top", "applications", middle)
        self.parameter("apart", "observability")

    def parameter(self, name: str, wave: Any, *after: AnyUnit) -> AnyUnit:
        def declare(env: Environment) -> Parameter[NoOutputs]:
            """A parameter."""
            return Parameter[NoOutputs](name=self.path(name), value="1")

        declare.__name__ = name
        self.units[name] = unit(wave=wave, after=after)(declare)
        return self.units[name]

    @property
    def registry(self) -> Registry:
        return Registry.of(self.units.values())

    def path(self, name: str) -> str:
        return self.env.parameter_path(f"teardown/{name}")

    def context(self, run: str = "run-1") -> Context:
        return Context.of(self.env, run_id=run)

    def deploy(self) -> None:
        for each in self.registry.units:
            run_unit(self.registry, each, self.context())

    def destroy(self, run: str = "run-2", **how: Any) -> TeardownResult:
        return destroy_environment(
            self.registry, self.context(run), delete_data=False, **{"wait_for_lease": 0.0, **how}
        )

    def left(self) -> set[str]:
        pages = self.context().aws.client("ssm").get_paginator("describe_parameters").paginate()
        names = {p["Name"] for page in pages for p in page["Parameters"]}
        return {name for name in self.units if self.path(name) in names}


@pytest.fixture
def platform(sandbox_env: Environment, account: GateAccount) -> Platform:
    """One that is deployed."""
    own = Platform(sandbox_env.model_copy(update={"target_env": f"gone{next(NUMBERS)}", "roles": Roles()}))
    apply_bootstrap(own.env)
    own.deploy()
    return own


def states(result: TeardownResult) -> dict[str, str]:
    return {outcome.unit: outcome.state for outcome in result.outcomes}


def test_units_go_once_what_needs_them_is_gone(platform: Platform) -> None:
    """The last of the graph goes first; a second run finds nothing to do."""
    ended: list[UnitOutcome] = []
    result = platform.destroy(report=ended.append)
    assert states(result) == dict.fromkeys(platform.units, "removed")
    order = [outcome.unit for outcome in ended]
    assert order.index("top") < order.index("middle") < order.index("bottom")
    assert platform.left() == set()
    again = platform.destroy("run-3")
    assert states(again) == dict.fromkeys(platform.units, "nothing")
    assert again.is_complete


def test_removal_is_recorded_as_any_change(platform: Platform) -> None:
    """Each unit's entry names the objects, the run and who did it; what was not there has none."""
    platform.destroy()
    platform.destroy("run-3")
    entries = [entry for entry in list_entries(platform.context()) if entry["action"] == "delete"]
    assert {entry["unit"] for entry in entries} == set(platform.units)
    assert {(entry["outcome"], entry["by"]) for entry in entries} == {("done", "run-2")}
    top = next(entry for entry in entries if entry["unit"] == "top")
    assert top["fields"] == [f"AWS::SSM::Parameter {platform.path('top')}"]
    assert top["who"].startswith("arn:aws:")


def refuse(monkeypatch: pytest.MonkeyPatch, path: str, error: Exception, times: int = 1000) -> list[str]:
    """AWS refuses to delete that parameter so often; the parameters that somebody asked it to delete."""
    real, asked = ParameterDriver.destroy, list[str]()

    def destroy(self: ParameterDriver, spec: Parameter[Any], context: Context, *, delete_data: bool) -> None:
        asked.append(spec.name)
        if spec.name == path and asked.count(path) <= times:
            raise error
        real(self, spec, context, delete_data=delete_data)

    monkeypatch.setattr(ParameterDriver, "destroy", destroy)
    return asked


def test_failure_stops_what_the_unit_needs_and_nothing_else(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a unit that stays needs stays, too; the next run continues there."""
    with monkeypatch.context() as patch:
        refuse(patch, platform.path("middle"), OperationFailed("AWS says no", next_step="ask AWS"))
        result = platform.destroy()
    assert states(result) == {"top": "removed", "apart": "removed", "middle": "failed", "bottom": "skipped"}
    (failed,), (skipped,) = result.of("failed"), result.of("skipped")
    assert (failed.reason, failed.next_step) == ("AWS says no", "ask AWS")
    assert skipped.reason == "still there: middle"
    assert platform.left() == {"middle", "bottom"}
    (entry,) = [e for e in list_entries(platform.context()) if e["action"] == "delete" and e["outcome"] != "done"]
    assert (entry["unit"], entry["outcome"]) == ("middle", "AWS says no")

    again = platform.destroy("run-3")
    assert again.is_complete
    assert [outcome.unit for outcome in again.of("removed")] == ["middle", "bottom"]


def test_what_is_not_there_passes_on_that_what_needs_it_is(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """`middle` is gone already, but `top`, which stays, needs `bottom` through it."""
    platform.context().aws.client("ssm").delete_parameter(Name=platform.path("middle"))
    refuse(monkeypatch, platform.path("top"), OperationFailed("AWS says no"))
    assert states(platform.destroy()) == {
        "top": "failed",
        "middle": "nothing",
        "bottom": "skipped",
        "apart": "removed",
    }


def test_throttled_removal_is_tried_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as the environment's file says."""
    asked = refuse(monkeypatch, platform.path("top"), Transient("Throttling", retry_after=0.01), times=2)
    assert platform.destroy().is_complete
    assert asked.count(platform.path("top")) == 3


def test_held_environment_is_left_alone(platform: Platform) -> None:
    """Two at once: the second one says who holds it, and removes nothing."""
    with hold_lease(platform.context("another"), who="ann", keep=False), pytest.raises(LeaseHeld, match="ann"):
        platform.destroy()
    assert platform.left() == set(platform.units)


def test_run_that_lost_the_environment_changes_nothing_more(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes it over ends the removal at its next change."""
    real = ParameterDriver.destroy

    def destroy(self: ParameterDriver, spec: Parameter[Any], context: Context, *, delete_data: bool) -> None:
        if spec.name == platform.path("top"):
            raise LeaseHeld("another run holds it")
        real(self, spec, context, delete_data=delete_data)

    monkeypatch.setattr(ParameterDriver, "destroy", destroy)
    with pytest.raises(LeaseHeld, match="another run"):
        platform.destroy()
    assert {"top", "middle", "bottom"} <= platform.left()


def test_units_that_do_not_need_each_other_go_side_by_side(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """`apart` and `top` meet."""
    meeting = threading.Barrier(2, timeout=20)
    real = ParameterDriver.destroy

    def destroy(self: ParameterDriver, spec: Parameter[Any], context: Context, *, delete_data: bool) -> None:
        if spec.name in (platform.path("top"), platform.path("apart")):
            meeting.wait()
        real(self, spec, context, delete_data=delete_data)

    monkeypatch.setattr(ParameterDriver, "destroy", destroy)
    assert platform.destroy().is_complete


def test_unit_that_is_switched_off_goes_where_it_is_there(platform: Platform) -> None:
    """Its switch says that nobody wants it, not that it is gone."""
    platform.env = platform.env.model_copy(update={"addons": {"top": Addon(enabled=False)}})
    assert states(platform.destroy())["top"] == "removed"
    assert platform.left() == set()


def test_plan_says_what_goes_and_that_there_is_no_cluster(platform: Platform) -> None:
    """What lies in a cluster that does not exist is gone with it, and is no error."""

    @unit(wave="configuration")
    def release(env: Environment) -> HelmRelease:
        """A release."""
        return HelmRelease(name="a", namespace="b", repository="https://charts.test", chart="c", version="1.0.0")

    platform.units["release"] = release
    plan = plan_teardown(platform.registry, platform.context(), delete_data=False)
    report = build_teardown_report(plan)
    assert [removed.unit for removed in report.removes][-2:] == ["middle", "bottom"]
    assert {removed.unit for removed in report.removes} == {"top", "apart", "middle", "bottom"}
    assert "gone with it" in report.no_cluster
    assert report.exit_code == 4
    assert platform.destroy().is_complete
    after = build_teardown_report(plan_teardown(platform.registry, platform.context(), delete_data=False))
    assert (after.removes, after.exit_code) == ((), 0)


def test_controllers_outlive_what_they_clear_up_for() -> None:
    """What lies in the cluster and belongs to a later wave goes before a controller that makes things in AWS, and the
    access to the cluster goes after all that lies in it."""
    registry = load_registry()
    before = removal_order(registry)
    assert {"istio_application", "product_applications", "argo_cd"} <= before["aws_load_balancer_controller"]
    assert {"node_pools", "argo_cd", "prometheus"} <= before["karpenter"]
    assert {"karpenter", "prometheus", "loki"} <= before["pod_addons"]
    in_cluster = {each.name for each in registry.units if each.spec_type.needs_cluster}
    assert in_cluster <= before["access_entries"]


def test_interrupted_removal_is_continued(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it at once; the next run removes the rest."""

    def interrupt(outcome: UnitOutcome) -> None:
        if outcome.unit == "top":
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        platform.destroy(report=interrupt)
    assert time.monotonic() - began < 20
    assert "bottom" in platform.left()
    assert platform.destroy("run-3").is_complete
    assert platform.left() == set()
