"""`make charts`: what it says of charts that fit the units, that do not, and of values that a chart ignores."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.config.environment import Environment
from sandbox.charts.packaging import archive_of, package
from sandbox.real_charts import main, releases, unknown_values
from tests.helpers.packaged_chart import chart


def test_optional_add_ons_are_rendered_too(sandbox_env: Environment) -> None:
    """Add-ons that the environment leaves off are rendered as well."""
    releases_by_unit = dict(releases(load_registry(), sandbox_env))
    assert not load_registry()["nvidia_device_plugin"].is_enabled(sandbox_env)
    assert {"nvidia_device_plugin", "karpenter", "aws_load_balancer_controller"} <= set(releases_by_unit)
    assert releases_by_unit["karpenter"].values["settings"]["interruptionQueue"] == "example-queue-name"


def test_values_that_chart_ignores_are_listed(tools: Path, tmp_path: Path) -> None:
    """A value that no file of the chart names is listed with its path, also in a subchart."""
    archive = chart(
        tmp_path,
        tools,
        "demo",
        "1.0.0",
        {
            "values.yaml": "labels: {}\nserver:\n  replicas: 1\n",
            "templates/server.yaml": "{{- with .Values.server.mode }}{{ fail . }}{{ end }}",
            "charts/inner/Chart.yaml": "apiVersion: v2\nname: inner\nversion: 1.0.0\n",
            "charts/inner/values.yaml": "size: 1\n",
        },
    )
    values = {
        "labels": {"any": "thing"},
        "server": {"replicas": 2, "mode": "fast", "replicaz": 3},
        "inner": {"size": 2, "sizze": 2},
    }
    assert unknown_values(values, archive_of(archive)) == ("server.replicaz", "inner.sizze")


@pytest.fixture
def running(registry: str, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make charts` sees of a running sandbox: its state file and its registry."""
    address = {"supervisor_url": "http://127.0.0.1:1", "aws_endpoint": "http://127.0.0.1:1", "registry": registry}
    account = {"region": "us-west-2", "account": "000000000000", "credentials": {}}
    (tmp_path / "state.json").write_text(json.dumps({**address, **account, "tools": str(tools)}))
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path))


@pytest.mark.usefixtures("running")
def test_make_charts_prints_line_per_unit(tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each unit whose chart is in the folder has a line, the others are skipped, unused charts are named."""
    package("external-dns", tools, tmp_path)
    chart(tmp_path, tools, "their-own", "1.0.0", {})
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"external_dns: external-dns \S+: rendered [1-9]\d* objects$", line) for line in lines)
    assert any(line.startswith("karpenter: skipped: the folder has no chart karpenter") for line in lines)
    assert "their-own 1.0.0: no unit uses this chart" in lines
    assert lines[-1] == "1 of 1 units render on these charts"


@pytest.mark.usefixtures("running")
def test_make_charts_fails_if_one_unit_does_not_render(
    sandbox_env: Environment, tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One unit that does not render, or has another version, makes the command fail."""
    package("external-dns", tools, tmp_path)
    chart(tmp_path, tools, "external-secrets", "0.0.1", {})
    fails = {"templates/server.yaml": '{{ fail "the cluster has no name" }}'}
    chart(tmp_path, tools, "karpenter", sandbox_env.karpenter_version, fails)
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("external_secrets:") and "the folder has version 0.0.1" in line for line in lines)
    assert any(line.startswith("karpenter:") and "the cluster has no name" in line for line in lines)
    assert lines[-1] == "1 of 3 units render on these charts"


def test_make_charts_without_sandbox_says_how_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the sandbox is down, the error names the command that starts it."""
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path))
    assert main([str(tmp_path)]) == 2
    assert "the sandbox is not running\nNext: eks-assets sandbox up" in capsys.readouterr().err
