"""`plan`, `deploy` and `status` name what stands and is no longer wanted. On an embedded AWS without a cluster."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.cli.commands import plan, status
from eks_assets.cli.runs.deployment import print_result
from eks_assets.cli.runs.result import DeployResult
from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from tests.helpers.embedded_gate import gate_account

LINE = "1 to remove by eks-assets destroy sandbox --removed: extra"


@unit(wave="network")
def kept(env: Environment) -> Parameter[NoOutputs]:
    """A parameter."""
    return Parameter[NoOutputs](name=env.parameter_path("kept"), value="1")


def extra(env: Environment) -> Parameter[NoOutputs]:
    """A parameter that is switched off later."""
    return Parameter[NoOutputs](name=env.parameter_path("extra"), value="1")


@pytest.fixture
def switched_off(
    sandbox_env: Environment, environments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Both were applied, and the file no longer has `extra`."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    (tmp_path / "account").mkdir()
    with gate_account(sandbox_env.region, tmp_path / "account"):
        env = load_environment("sandbox")
        apply_bootstrap(env)
        before = Registry.of([kept, unit(wave="network")(extra)])
        for each in before.units:
            run_unit(before, each, Context.of(env, run_id="run-1"))
        after = Registry.of([kept, unit(wave="network", when=lambda _: False)(extra)])
        for module in (plan, status):
            monkeypatch.setattr(module, "load_registry", lambda: after)
        yield


@pytest.mark.parametrize("command", ["plan", "status"])
def test_command_names_it_and_does_nothing_about_it(switched_off: None, command: str) -> None:
    """It is no change: the exit code is that of an environment in which nothing is to be done."""
    shown = CliRunner().invoke(app, [command, "sandbox"])
    assert shown.exit_code == 0, shown.output
    assert LINE in shown.output


def test_deploy_names_it_before_its_last_line() -> None:
    console = Console(file=io.StringIO(), width=200)
    result = DeployResult(2, unwanted=("extra",))
    print_result(result, "sandbox", 1.0, console, "eks-assets deploy sandbox")
    assert console.file.getvalue().splitlines() == [LINE, "sandbox: nothing to do, 2 units in 1.0 s"]  # type: ignore[attr-defined]
