"""A cluster that somebody changes by hand between approval and release: on its real API server, with the real helm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.config.environment import Environment
from resources.kubernetes.objects import read_object
from resources.model.errors import ApprovalStale
from resources.model.specs import HelmRelease, Manifests
from tests.helpers.cluster_objects import remove
from tests.helpers.gate import Gate
from tests.helpers.releases import DEPLOYMENT, GOOD, NAMESPACE, deployment, revisions

pytestmark = pytest.mark.sandbox
SETTINGS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "gate-test", "namespace": "default"},
}


@dataclass
class ClusterGate(Gate):
    """A gate before a release and an object, both in the cluster already; `values` is what is to become of them."""

    values: dict[str, str] = field(default_factory=lambda: {"policy": "upsert-only", "level": "1"})

    def registry(self) -> Registry:
        @unit(wave="applications")
        def release(env: Environment) -> HelmRelease:
            """A release."""
            return HelmRelease(
                name="driver-test",
                namespace=NAMESPACE,
                repository="https://charts.test",
                chart="external-dns",
                version="1.21.1",
                values={**GOOD, "policy": self.values["policy"]},
            )

        @unit(wave="applications")
        def settings(env: Environment) -> Manifests:
            """An object."""
            return Manifests(objects=({**SETTINGS, "data": {"level": self.values["level"]}},))

        return Registry.of([release, settings])

    def without_gate(self) -> None:
        """Deploy both as they are before anybody asks for anything."""
        env = self.env.model_copy(update={"approval": None})
        type(self)(env, self.name).anchor()
        for one in self.registry().units:
            run_unit(self.registry(), one, type(self)(env, self.name).context())
        self.anchor()

    def level(self) -> str:
        live = read_object(self.context().cluster, SETTINGS)
        assert live is not None
        return str(live["data"]["level"])


@pytest.fixture
def granted(gate: Gate, release_namespace: str) -> Iterator[ClusterGate]:
    """Both deployed, and a change of both approved by two people."""
    cluster_gate = ClusterGate(gate.env, gate.name)
    cluster_gate.without_gate()
    cluster_gate.values = {"policy": "sync", "level": "2"}
    assert cluster_gate.decide(cluster_gate.request(), "alice", "bob").status == "granted"
    yield cluster_gate
    remove(cluster_gate.context(), SETTINGS)


def test_gate_leaves_release_changed_by_hand_alone(granted: ClusterGate, kubectl: Callable[..., str]) -> None:
    """A release that was changed by hand after the approval is refused, until the change is undone."""
    context = granted.context()
    kubectl("scale", "--namespace", NAMESPACE, f"deployment/{DEPLOYMENT}", "--replicas=3")
    with pytest.raises(ApprovalStale, match=r"release .*spec\.replicas: not in the approved plan"):
        granted.run("release")
    assert (deployment(context)["spec"]["replicas"], len(revisions(context))) == (3, 1)

    kubectl("scale", "--namespace", NAMESPACE, f"deployment/{DEPLOYMENT}", "--replicas=1")
    granted.run("release")
    assert [revision.status for revision in revisions(context)] == ["superseded", "deployed"]


def test_gate_leaves_object_changed_by_hand_alone(granted: ClusterGate, kubectl: Callable[..., str]) -> None:
    """An object that was changed by hand after the approval is refused, until the change is undone."""

    def by_hand(level: str) -> None:
        patch: Any = f'{{"data":{{"level":"{level}"}}}}'
        kubectl("patch", "configmap", SETTINGS["metadata"]["name"], "--namespace", "default", "--patch", patch)

    by_hand("9")
    with pytest.raises(ApprovalStale, match=r"settings .*level: was 1 when approved and is 9"):
        granted.run("settings")
    assert granted.level() == "9"

    by_hand("1")
    granted.run("settings")
    assert granted.level() == "2"
