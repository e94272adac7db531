"""A chart that is pushed again under its version, between approval and release: on the real registry and helm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.config.environment import Environment
from resources.config.sandbox_state import sandbox_state
from resources.drivers.helm.storage import newest_release
from resources.model.errors import ApprovalStale
from resources.model.specs import HelmRelease
from sandbox.charts.packaging import ChartArchive, archive_of
from sandbox.charts.registry import push
from tests.helpers.gate import Gate
from tests.helpers.packaged_chart import chart
from tests.helpers.releases import NAMESPACE

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


def with_message(folder: Path, tools: Path, message: str) -> ChartArchive:
    """The chart with one ConfigMap that holds the message."""
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: message}}\ndata: {{message: {message}}}\n"
    return archive_of(chart(folder / message, tools, CHART, VERSION, {"templates/message.yaml": text}))


@pytest.fixture
def chart_gate(gate: Gate, release_namespace: str) -> ChartGate:
    return ChartGate(gate.env, gate.name)


def test_gate_refuses_chart_pushed_again(chart_gate: ChartGate, tmp_path: Path) -> None:
    """A chart pushed again under its version is refused; the approved content is installed."""
    registry, tools = sandbox_state().registry, Path(sandbox_state().tools)
    approved, other = (with_message(tmp_path, tools, word) for word in ("approved", "other"))
    push(registry, approved, tools)
    granted = chart_gate.decide(chart_gate.request(), "alice", "bob")
    assert granted.status == "granted"
    push(registry, other, tools)
    with pytest.raises(ApprovalStale, match=r"demo: .*chart"):
        chart_gate.run("demo")
    assert newest_release(chart_gate.context(), NAMESPACE, NAMESPACE) is None
    push(registry, approved, tools)
    chart_gate.run("demo")
    installed = newest_release(chart_gate.context(), NAMESPACE, NAMESPACE)
    assert installed is not None
    assert [obj["data"] for obj in installed.objects] == [{"message": "approved"}]
