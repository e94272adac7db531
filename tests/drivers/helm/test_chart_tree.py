"""Which CRDs of a chart's `crds/` folders come with a release: those of the dependencies that helm switches on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resources.drivers.helm.chart_tree import chart_tree, enabled_crds
from resources.drivers.helm.charts import Package, file_digest
from tests.helpers.packaged_chart import chart

CHART_FILE = """\
apiVersion: v2
name: parent
version: 1.0.0
dependencies:
  - {name: plain, version: 1.0.0, repository: ""}
  - {name: switched, version: 1.0.0, repository: "", condition: "nowhere.enabled,switched.enabled"}
  - {name: renamed, version: 1.0.0, repository: "", alias: first, condition: first.enabled}
  - {name: renamed, version: 1.0.0, repository: "", alias: second, condition: second.enabled}
  - {name: tagged, version: 1.0.0, repository: "", tags: [extras, more]}
"""
NESTED = """\
apiVersion: v2
name: switched
version: 1.0.0
dependencies: [{name: inner, version: 1.0.0, repository: "", condition: inner.enabled}]
"""


def crd(name: str) -> str:
    meta, spec = {"name": f"{name}s.test.example"}, {"group": "test.example", "names": {"kind": name}, "versions": []}
    return json.dumps(
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}
    )


def named(name: str) -> str:
    return f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, tools: Path) -> Path:
    """A chart with each way to switch a dependency, one below another."""
    files = {
        "Chart.yaml": CHART_FILE,
        "values.yaml": "switched: {enabled: false}\nfirst: {enabled: false}\nsecond: {enabled: false}\n",
        "crds/own.yaml": crd("own"),
        "templates/none.yaml": "",
        "charts/switched/Chart.yaml": NESTED,
        "charts/switched/values.yaml": "inner: {enabled: true}\n",
        "charts/switched/charts/inner/Chart.yaml": named("inner"),
        "charts/switched/charts/inner/crds/a.yaml": f"{crd('inner')}\n---\n{crd('inner2')}\n",
    }
    for name in ("plain", "renamed", "tagged"):
        files[f"charts/{name}/Chart.yaml"] = named(name)
    for name in ("plain", "renamed", "tagged", "switched"):
        files[f"charts/{name}/crds/a.yaml"] = crd(name)
    return chart(tmp_path_factory.mktemp("chart"), tools, "parent", "1.0.0", files)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"switched": {"enabled": True}},
        {"switched": {"enabled": True, "inner": {"enabled": False}}},
        {"nowhere": {"enabled": True}},
        {"nowhere": {"enabled": "yes"}, "first": {"enabled": True}},
        {"second": {"enabled": True}, "tags": {"extras": False}},
        {"tags": {"extras": False, "more": True}},
        {"switched": None, "tags": None},
    ],
    ids=str,
)
def test_crds_are_those_that_helm_takes(archive: Path, tools: Path, values: dict[str, Any], tmp_path: Path) -> None:
    """The real helm is asked, too."""
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))
    command = [str(tools / "helm"), "template", "x", str(archive), "--include-crds", "--values", str(file)]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    tree = chart_tree(Package(archive, file_digest(archive)))
    names = {crd["metadata"]["name"] for crd in enabled_crds(tree, values)}
    assert names == {word for word in rendered.replace('"', " ").split() if word.endswith(".test.example")}
    assert "owns.test.example" in names
