"""The images that an environment asks for are listed without AWS and without a cluster."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.engine.images import images_in
from sandbox.charts.packaging import chart_names, package
from sandbox.charts.registry import push
from tests.helpers.environment_folder import EXAMPLES, edit

DIGEST = "sha256:" + "a" * 64


def test_images_of_pods_operators_and_arguments() -> None:
    """A CRD's schema has none, Istio's placeholder is none."""
    pod = {"containers": [{"image": "a:1", "args": ["--reloader=quay.io/x/reloader:v0.1", "--port=80"]}]}
    objects = [
        {"kind": "Deployment", "spec": {"template": {"spec": {**pod, "initContainers": [{"image": f"b@{DIGEST}"}]}}}},
        {"kind": "Prometheus", "spec": {"image": "c:3"}},
        {"kind": "CustomResourceDefinition", "spec": {"image": "d:4"}},
        {"kind": "Deployment", "spec": {"containers": [{"image": "auto"}]}},
    ]
    assert sorted(images_in(objects)) == ["a:1", f"b@{DIGEST}", "c:3", "quay.io/x/reloader:v0.1"]


@pytest.fixture
def environments(registry: str, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The published environments; acme-dev takes its charts from a registry that has the sandbox's. There is no AWS."""
    for name in chart_names():
        push(registry, package(name, tools, tmp_path), tools)
    folder = tmp_path / "environments"
    shutil.copytree(EXAMPLES, folder)
    edit(
        folder / "acme-dev.yaml",
        "tenant: acme\n",
        f"charts: {{mirror: 'oci://{registry}/charts', plain_http: true}}\ntenant: acme\n",
    )
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(folder))
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    return folder


def test_images_of_an_environment(environments: Path) -> None:
    """One a line, sorted, each once; what EKS brings itself is named apart."""
    result = CliRunner().invoke(app, ["images", "list", "acme-dev"])
    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.stderr
    assert lines == sorted(set(lines))
    assert any("karpenter/controller:" in line for line in lines)
    assert "not listed: what EKS's own add-ons take from Amazon's registry (" in result.stderr
    document = json.loads(CliRunner().invoke(app, ["images", "list", "acme-dev", "--json"]).stdout)
    assert [entry["image"] for entry in document["images"]] == lines
    assert {"karpenter"} <= {unit for entry in document["images"] for unit in entry["units"]}
    assert document["unknown"] == []


def test_chart_that_is_not_there_is_named(environments: Path) -> None:
    """The others are listed, and the exit code says that it is not all."""
    edit(environments / "acme-dev.yaml", "addons:\n", "addons:\n  external_dns: {version: 0.0.1}\n")
    result = CliRunner().invoke(app, ["images", "list", "acme-dev"])
    assert result.exit_code == 1
    assert "not listed: those of external_dns: " in result.stderr
    assert any("karpenter/controller:" in line for line in result.stdout.splitlines())
