"""The loop around one unit: what it looks at, and when it may rely on what it has seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.names import lease_table
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from resources.records.lease import hold
from tests.helpers.leases import expire

pytestmark = pytest.mark.sandbox
NAME = "/demo/sandbox/loop-test"


@pytest.fixture
def registry(account: Environment) -> Iterator[Registry]:
    """One unit, a parameter that does not exist before and after a test."""

    @unit(wave="configuration")
    def demo(env: Environment) -> Parameter[NoOutputs]:
        """A parameter."""
        return Parameter[NoOutputs](name=NAME, value="wanted")

    yield Registry.of([demo])
    Context.of(account).aws.client("ssm").delete_parameter(Name=NAME)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, account: Environment) -> list[str]:
    """The values that the driver found; somebody else writes right after the first look."""
    seen: list[str] = []
    observe = ParameterDriver.observe

    def noted(self: ParameterDriver, spec: Parameter[Any], context: Context) -> Any:
        found = observe(self, spec, context)
        seen.append(found.desired["value"] if found else "nothing")
        if len(seen) == 1:
            context.aws.client("ssm").put_parameter(Name=NAME, Value="by another", Type="String", Overwrite=True)
        return found

    monkeypatch.setattr(ParameterDriver, "observe", noted)
    return seen


def context_of(account: Environment, run: str, launch: str | None = None) -> Context:
    context = Context.of(account, run_id=run)
    context.launch = launch
    return context


def test_a_unit_is_looked_at_again_once_the_environment_is_held(
    account: Environment, registry: Registry, looks: list[str]
) -> None:
    result = run_unit(registry, registry["demo"], context_of(account, "alone"))
    assert looks[:3] == ["nothing", "by another", "wanted"]
    assert result.change.action == "update"


def test_what_was_seen_while_the_launch_held_the_environment_is_not_looked_at_again(
    account: Environment, registry: Registry, looks: list[str]
) -> None:
    with hold(context_of(account, "main", "launch-1"), who="ann", keep=False):
        run_unit(registry, registry["demo"], context_of(account, "step", "launch-1"))
    assert looks[:2] == ["nothing", "wanted"]


def test_a_launch_that_does_not_hold_the_environment_any_more_is_no_reason_to_rely_on_it(
    account: Environment, registry: Registry, looks: list[str]
) -> None:
    run_unit(registry, registry["demo"], context_of(account, "step", "launch-2"))
    assert looks[:3] == ["nothing", "by another", "wanted"]


def test_a_launch_that_lost_the_environment_meanwhile_and_took_it_again_looks_again(
    account: Environment, registry: Registry, looks: list[str], monkeypatch: pytest.MonkeyPatch, admin: Aws
) -> None:
    table = admin.session.resource("dynamodb", endpoint_url=admin.source.endpoint).Table(lease_table(account))
    observe = ParameterDriver.observe
    with ExitStack() as stack:
        stack.enter_context(hold(context_of(account, "main", "launch-1"), who="ann", keep=False))

        def overtaken(self: ParameterDriver, spec: Parameter[Any], context: Context) -> Any:
            found = observe(self, spec, context)
            if len(looks) == 1:
                expire(table)
                with hold(context_of(account, "other"), who="ben", keep=False):
                    pass
                stack.enter_context(hold(context_of(account, "sibling", "launch-1"), who="ann", keep=False))
            return found

        monkeypatch.setattr(ParameterDriver, "observe", overtaken)
        run_unit(registry, registry["demo"], context_of(account, "step", "launch-1"))
    assert looks[:3] == ["nothing", "by another", "wanted"]
