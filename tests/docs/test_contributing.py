"""CONTRIBUTING's "Add an add-on", done as it says: one new file, and asset, checks, plan and status follow."""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from eks_assets.cli.commands import status
from eks_assets.engine.planner import plan_environment, plan_report
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.orchestration.assets import build_assets
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.units import PACKAGES, configuration, load_registry
from resources.config.environment import Addon, Environment
from resources.config.sandbox_state import sandbox_state
from resources.context import Context
from resources.model.specs import HelmRelease
from sandbox.charts import packaging
from sandbox.charts.registry import push
from sandbox.paths import PROJECT
from tests.sandbox.test_charts import POD, render, workloads

from .code_blocks import code_blocks

PAGE = PROJECT / "CONTRIBUTING.md"
NAME = "descheduler"
UNIT, TEST_OF_UNIT = code_blocks(PAGE, "python")
CHART = dict(zip(("Chart.yaml", "values.yaml", "templates/workload.yaml"), code_blocks(PAGE, "yaml"), strict=True))


@pytest.fixture
def grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry of the project with one more file in the folder of the wave `configuration`."""
    load_registry()  # kept for the whole process: read before the folder grows
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / f"{NAME}.py").write_text(UNIT)
    monkeypatch.setattr(configuration, "__path__", [*configuration.__path__, str(folder)])
    module = f"{configuration.__name__}.{NAME}"
    yield Registry.walk(*PACKAGES)
    sys.modules.pop(module, None)
    vars(configuration).pop(NAME, None)


@pytest.fixture
def asking_env(sandbox_env: Environment) -> Environment:
    """The published environment `sandbox`, asking for the add-on."""
    return sandbox_env.model_copy(update={"addons": {**sandbox_env.addons, NAME: Addon()}})


@pytest.fixture
def chart_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-in charts that holds the page's alone."""
    charts = tmp_path / "charts"
    for path, text in CHART.items():
        (charts / NAME / path).parent.mkdir(parents=True, exist_ok=True)
        (charts / NAME / path).write_text(text)
    os.symlink(packaging.CHARTS / "_shared", charts / "_shared")
    monkeypatch.setattr(packaging, "CHARTS", charts)
    return charts


@pytest.fixture
def chart_pushed(account: Environment, chart_folder: Path, tmp_path: Path) -> None:
    """The page's stand-in chart, packaged and pushed to the sandbox's registry as `sandbox up` does."""
    state = sandbox_state()
    push(state.registry, packaging.package(NAME, Path(state.tools), tmp_path), Path(state.tools))


def test_new_file_is_registered_by_itself(grown: Registry) -> None:
    """It joins the units that were there, behind the cluster and what it waits for."""
    assert {u.name for u in grown.units} - {u.name for u in load_registry().units} == {NAME}
    assert set(grown.needs[NAME]) >= {"access_entries", "pod_addons"}


def test_new_unit_is_an_asset_with_its_check(grown: Registry) -> None:
    """Group, description and check come from the file."""
    (asset,) = [a for a in build_assets(grown, CodeLocation()) if a.key == dg.AssetKey(NAME)]
    spec = asset.specs_by_key[asset.key]
    assert spec.group_name == "5_configuration"
    assert (spec.description or "").startswith("Evicts pods")
    assert [check.name for check in asset.check_specs] == ["workloads_ready"]


def test_new_unit_takes_switch_and_values_from_environment(
    grown: Registry, sandbox_env: Environment, asking_env: Environment
) -> None:
    """Off where nobody asks for it; values under `addons` are merged in."""
    assert not grown[NAME].is_enabled(sandbox_env)
    assert grown[NAME].is_enabled(asking_env)
    more = asking_env.model_copy(update={"addons": {NAME: Addon(values={"replicas": 2})}})
    spec = render_spec(grown, more, grown[NAME], {})
    assert isinstance(spec, HelmRelease)
    assert spec.values == {"kind": "Deployment", "replicas": 2}


def test_the_pages_own_test_of_the_unit_passes(grown: Registry, sandbox_env: Environment) -> None:
    """The second block, run as pytest would."""
    module = ModuleType("test_of_unit")
    exec(compile(TEST_OF_UNIT, str(PAGE), "exec"), vars(module))
    (test,) = [value for name, value in vars(module).items() if name.startswith("test_")]
    test(sandbox_env)


@pytest.mark.sandbox
@pytest.mark.usefixtures("chart_pushed")
def test_new_unit_is_planned(grown: Registry, asking_env: Environment) -> None:
    """As `eks-assets plan` does it: the chart is pulled, and the release stands among what would be created."""
    report = plan_report(grown, Context.of(asking_env), only={NAME})
    assert report.unknown == ()
    assert [(entry.unit, entry.wave, entry.action) for entry in report.changes] == [(NAME, "configuration", "create")]
    assert report.changes[0].facts.chart


@pytest.mark.sandbox
@pytest.mark.usefixtures("chart_pushed")
def test_new_unit_stands_in_the_status(grown: Registry, asking_env: Environment) -> None:
    """As `eks-assets status --json` prints it."""
    document = status.status_report(plan_environment(grown, Context.of(asking_env)))
    (row,) = [unit for unit in document["units"] if unit["unit"] == NAME]
    assert (row["wave"], row["state"]) == ("configuration", "pending")


@pytest.mark.sandbox
@pytest.mark.usefixtures("chart_folder")
def test_the_pages_chart_passes_the_tests_of_stand_in_charts(tools: Path, tmp_path: Path) -> None:
    """With the line of values that the page gives, its pods take the annotation that makes them crash."""
    (line,) = re.findall(r'`"descheduler": (\{.*\}),`', PAGE.read_text())
    values = eval(line, {"POD": POD})
    (workload,) = workloads(render(tools, packaging.package(NAME, tools, tmp_path), NAME, values))
    assert workload["spec"]["template"]["metadata"]["annotations"]["sandbox/mode"] == "crash"


def test_imports_of_the_pages_code_exist() -> None:
    """Of the project; the add-on itself aside."""
    for block in (UNIT, TEST_OF_UNIT):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and not node.module.endswith(NAME):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
