"""The loop tells a driver what people approved: what it observed before the gate, for gated units alone."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eks_assets.engine import runner
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.aws.session import Aws
from resources.config.environment import Approval, Environment
from resources.context import Context
from resources.drivers.base import Driver
from resources.model.change import Change, Observed
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter

pytestmark = pytest.mark.usefixtures("no_rollback")


class Noting(Driver[Any]):
    """Notes what it was told at `apply`."""

    def __init__(self) -> None:
        self.approved: list[Observed | None] = []

    def observe(self, spec: Any, context: Context) -> Observed:
        return Observed("there")

    def plan(self, spec: Any, observed: Observed | None) -> Change:
        return Change("update", reason="always")

    def apply(self, spec: Any, context: Context) -> None:
        self.approved.append(context.approved)


@pytest.mark.parametrize(("approval", "expected"), [(Approval(), Observed("there")), (None, None)])
def test_a_gated_driver_knows_what_was_approved(
    prod_env: Environment,
    monkeypatch: pytest.MonkeyPatch,
    approval: Approval | None,
    expected: Observed | None,
) -> None:
    @unit(wave="applications")
    def demo(env: Environment) -> Parameter[NoOutputs]:
        """A parameter."""
        return Parameter[NoOutputs](name="/demo", value="x")

    driver = Noting()
    replacements: dict[str, Any] = {
        "driver_of": lambda spec: driver,
        "observe_drift": lambda unit, spec, context: driver.observe(spec, context),
        "caller_arn": lambda env: "arn",
        "hold_lease": lambda *_, **__: nullcontext(SimpleNamespace(run="r", token=1)),
        "approved_change": lambda *_: nullcontext(),
        "expect_releases": lambda *_: None,
        "refuse_outside_flow": lambda *_: None,
        "run_checks": lambda *_: (),
        "account_for_change": lambda *_: {},
        "record_change": lambda *_: None,
    }
    for name, replacement in replacements.items():
        monkeypatch.setattr(runner, name, replacement)
    env = prod_env.model_copy(update={"approval": approval})
    context = Context(env, cast(Aws, SimpleNamespace(check_account=lambda: None)))
    runner.run_unit(Registry.of([demo]), demo, context)
    assert driver.approved == [expected]
