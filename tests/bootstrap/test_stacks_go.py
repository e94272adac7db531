"""Every stack of the published sandbox, made and destroyed again: what is left is what bootstrap made, and data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eks_assets.engine.known_outputs import known_outputs
from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.context import Context
from resources.drivers.stack.driver import StackDriver
from resources.model.removal import Removal
from resources.model.specs import Stack
from resources.undeclared.inventory import list_left
from tests.bootstrap.bootstrapped_account import bootstrapped, make_stacks


def stacks_of(context: Context) -> list[Stack[Any]]:
    """The stacks of the environment in the order of their deploy, as somebody sees them who tears down."""
    registry, specs = load_registry(), list[Stack[Any]]()
    for unit in registry.units:
        if unit.is_enabled(context.env) and not unit.spec_type.needs_cluster:
            spec = render_spec(registry, context.env, unit, known_outputs(registry, unit, context))
            specs += [spec] if isinstance(spec, Stack) else []
    return specs


@pytest.mark.parametrize("name", ["sandbox", "acme-prod"])
def test_a_whole_environment_goes(name: str, tmp_path: Path) -> None:
    """By the destroyer, with and without a service role. Data stays and is listed; with delete_data a second destroy
    takes it, and a third has nothing to do."""
    with bootstrapped(name, tmp_path) as account:
        make_stacks(account)
        context, driver = account.destroyer(), StackDriver()
        specs = stacks_of(context)[::-1]
        for spec in specs:
            assert driver.plan_removal(spec, context, delete_data=False) != Removal()
            driver.destroy(spec, context, delete_data=False)
        left = context.aws.client("cloudformation").describe_stacks()["Stacks"]
        assert [stack["StackName"] for stack in left] == [context.env.stack_name("bootstrap")]
        specs = stacks_of(context)[::-1]
        kept = [one for spec in specs for one in driver.plan_removal(spec, context, delete_data=False).keeps]
        assert len(kept) == len({one.object for one in kept}) > 5, kept
        assert not [spec for spec in specs if driver.plan_removal(spec, context, delete_data=False).removes]
        for spec in specs:
            driver.destroy(spec, context, delete_data=True)
        assert {driver.plan_removal(spec, context, delete_data=True) for spec in specs} == {Removal()}
        inventory = list_left(context)
        others = [str(one) for one in inventory if not (one.bootstrap or one.waits)]
        assert others == [f"AWS::SSM::Parameter {context.env.oidc_parameter}"]  # of a unit that is no stack
        assert {one.kind for one in inventory if one.waits} == {"AWS::KMS::Key", "AWS::SecretsManager::Secret"}
