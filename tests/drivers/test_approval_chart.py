"""A chart that is pushed again under its version, between approval and release: on the real registry and helm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from eks_assets.registry import Registry
from eks_assets.unit import unit
from resources.drivers.helm_storage import newest_release
from resources.environment import Environment
from resources.errors import ApprovalStale
from resources.local_sandbox import sandbox_state
from resources.programs import program, run
from resources.specs import HelmRelease

from .gate import Gate
from .releases import NAMESPACE

pytestmark = pytest.mark.sandbox
CHART, VERSION = "pushed-twice", "0.1.0"


@dataclass
class ChartGate(Gate):
    """A gate before a release of one small chart."""

    def registry(self) -> Registry:
        @unit(wave="applications")
        def demo(env: Environment) -> HelmRelease:
            """A release."""
            return HelmRelease(
                name=NAMESPACE, namespace=NAMESPACE, repository="https://charts.test", chart=CHART, version=VERSION
            )

        return Registry.of([demo])


def packaged(folder: Path, message: str, env: Environment) -> Path:
    """The chart with one ConfigMap that holds the message, as a package in a folder of its own."""
    chart = folder / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {CHART}\nversion: {VERSION}\n")
    (chart / "templates" / "message.yaml").write_text(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: message}}\ndata: {{message: {message}}}\n"
    )
    helm(["package", str(chart), "--destination", str(folder)], folder, env)
    return folder / f"{CHART}-{VERSION}.tgz"


def push(package: Path, env: Environment) -> None:
    helm(["push", str(package), f"oci://{sandbox_state().registry}/charts", "--plain-http"], package.parent, env)


def helm(argv: list[str], folder: Path, env: Environment) -> None:
    home = {f"HELM_{kind}_HOME": str(folder / kind) for kind in ("CONFIG", "CACHE", "DATA")}
    run([program("helm", env), *argv], extra_env=home, cwd=folder, timeout=60)


@pytest.fixture
def chart_gate(gate: Gate, release_namespace: str) -> ChartGate:
    return ChartGate(gate.env, gate.name)


def test_a_chart_pushed_again_under_its_version_is_not_what_was_approved(chart_gate: ChartGate, tmp_path: Path) -> None:
    approved, other = (packaged(tmp_path / word, word, chart_gate.env) for word in ("approved", "other"))
    push(approved, chart_gate.env)
    granted = chart_gate.decide(chart_gate.request(), "alice", "bob")
    assert granted.status == "granted"
    push(other, chart_gate.env)
    with pytest.raises(ApprovalStale, match=r"demo: .*chart"):
        chart_gate.run("demo")
    assert newest_release(chart_gate.world(), NAMESPACE, NAMESPACE) is None
    push(approved, chart_gate.env)
    chart_gate.run("demo")
    found = newest_release(chart_gate.world(), NAMESPACE, NAMESPACE)
    assert found is not None
    assert [obj["data"] for obj in found.objects] == [{"message": "approved"}]
