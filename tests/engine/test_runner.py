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
from resources.records.lease import hold_lease
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
        observed = observe(self, spec, context)
        seen.append(observed.desired["value"] if observed else "nothing")
        if len(seen) == 1:
            context.aws.client("ssm").put_parameter(Name=NAME, Value="by another", Type="String", Overwrite=True)
        return observed

    monkeypatch.setattr(ParameterDriver, "observe", noted)
    return seen


def context_of(account: Environment, run: str, launch: str | None = None) -> Context:
    context = Context.of(account, run_id=run)
    context.launch = launch
    return context


def test_unit_is_observed_again_under_the_lease(account: Environment, registry: Registry, looks: list[str]) -> None:
    """What was observed before the lease was held is observed again, so another's change is seen."""
    result = run_unit(registry, registry["demo"], context_of(account, "alone"))
    assert looks[:3] == ["nothing", "by another", "wanted"]
    assert result.change.action == "update"


def test_unit_observed_under_lease_of_launch_is_trusted(
    account: Environment, registry: Registry, looks: list[str]
) -> None:
    """What was observed while the same launch held the lease is not observed again."""
    with hold_lease(context_of(account, "main", "launch-1"), who="ann", keep=False):
        run_unit(registry, registry["demo"], context_of(account, "step", "launch-1"))
    assert looks[:2] == ["nothing", "wanted"]


def test_unit_is_observed_again_if_launch_holds_no_lease(
    account: Environment, registry: Registry, looks: list[str]
) -> None:
    """A launch that holds no lease is no reason to trust what was observed before."""
    run_unit(registry, registry["demo"], context_of(account, "step", "launch-2"))
    assert looks[:3] == ["nothing", "by another", "wanted"]


def test_unit_is_observed_again_if_launch_lost_lease_between(
    account: Environment, registry: Registry, looks: list[str], monkeypatch: pytest.MonkeyPatch, admin: Aws
) -> None:
    """A launch that lost the lease and got it back observes again, as others may have changed things."""
    table = admin.session.resource("dynamodb", endpoint_url=admin.source.endpoint).Table(lease_table(account))
    observe = ParameterDriver.observe
    with ExitStack() as stack:
        stack.enter_context(hold_lease(context_of(account, "main", "launch-1"), who="ann", keep=False))

        def overtaken(self: ParameterDriver, spec: Parameter[Any], context: Context) -> Any:
            observed = observe(self, spec, context)
            if len(looks) == 1:
                expire(table)
                with hold_lease(context_of(account, "other"), who="ben", keep=False):
                    pass
                stack.enter_context(hold_lease(context_of(account, "sibling", "launch-1"), who="ann", keep=False))
            return observed

        monkeypatch.setattr(ParameterDriver, "observe", overtaken)
        run_unit(registry, registry["demo"], context_of(account, "step", "launch-1"))
    assert looks[:3] == ["nothing", "by another", "wanted"]
