"""CRDs of a chart's `crds/` folder, which helm makes once and then leaves alone: they follow the chart all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.config.sandbox_state import sandbox_state
from resources.context import Context
from resources.drivers.helm.driver import HelmReleaseDriver
from resources.kubernetes.objects import list_objects
from resources.model.specs import HelmRelease
from sandbox.charts.packaging import archive_of
from sandbox.charts.registry import push
from tests.helpers.packaged_chart import chart
from tests.helpers.releases import NAMESPACE

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("release_namespace")]
CHART, CRD = "with-crds", "driverthings.test.example"
DRIVER = HelmReleaseDriver()


def crd(*properties: str) -> str:
    """A CRD whose objects have these texts."""
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in properties}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "DriverThing", "plural": "driverthings"}
    spec = {"group": "test.example", "scope": "Namespaced", "names": names, "versions": [version]}
    meta = {"name": CRD}
    return json.dumps(
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}
    )


def thing(size: str) -> str:
    return f"apiVersion: test.example/v1\nkind: DriverThing\nmetadata: {{name: one}}\nsize: {json.dumps(size)}\n"


def properties(context: Context) -> set[str] | None:
    """The properties of the live CRD; None where there is none."""
    crds = list_objects(context.cluster, "apiextensions.k8s.io/v1", "CustomResourceDefinition")
    schemas = [c["spec"]["versions"][0]["schema"] for c in crds if c["metadata"]["name"] == CRD]
    return set(schemas[0]["openAPIV3Schema"]["properties"]) if schemas else None


@pytest.fixture
def release(account: Environment, context: Context, tmp_path: Path, tools: Path, kubectl: Any) -> Any:
    """The release with the chart of a version, which has that CRD and an object of it."""

    def make(version: str, *names: str) -> HelmRelease:
        files = {"crds/things.yaml": crd(*names), "templates/one.yaml": thing(version)}
        package = archive_of(chart(tmp_path / version, tools, CHART, version, files))
        push(sandbox_state().registry, package, tools)
        return HelmRelease(
            name=NAMESPACE, namespace=NAMESPACE, repository="https://charts.test", chart=CHART, version=version
        )

    yield make
    kubectl("delete", "crd", CRD, "--ignore-not-found")


def planned(spec: HelmRelease, account: Environment) -> list[str]:
    """The paths that a plan shows."""
    context = Context.of(account)
    observed = DRIVER.observe(spec, context)
    change = DRIVER.plan(spec, observed)
    return [f.path for f in DRIVER.preview(spec, observed, change, context).fields] if change.is_needed else []


def test_upgrade_shows_and_applies_the_charts_crds(account: Environment, context: Context, release: Any) -> None:
    """The new chart's CRD is in the plan, and in the cluster before the objects that need it."""
    DRIVER.apply(release("1.0.0", "size"), Context.of(account))
    assert properties(context) == {"size"}
    newer = release("2.0.0", "size", "colour")
    assert any(path.startswith(f"CustomResourceDefinition/{CRD}: spec.versions") for path in planned(newer, account))
    DRIVER.apply(newer, Context.of(account))
    assert properties(context) == {"size", "colour"}
    assert planned(newer, account) == []


def test_deleted_crd_comes_back_with_its_objects(
    account: Environment, context: Context, release: Any, kubectl: Any
) -> None:
    """The plan names the CRD beside the objects that went with it; one deploy restores both."""
    spec = release("1.0.0", "size")
    DRIVER.apply(spec, Context.of(account))
    kubectl("delete", "crd", CRD)
    assert {f"CustomResourceDefinition/{CRD}", f"DriverThing/{NAMESPACE}/one"} <= set(planned(spec, account))
    DRIVER.apply(spec, Context.of(account))
    assert properties(context) == {"size"}
    assert planned(spec, account) == []
