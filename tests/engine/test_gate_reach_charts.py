"""What a release before the gate could slip past it: other objects, hooks, templates, other suppliers; on real helm."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.approval import store
from resources.config.environment import Environment
from resources.config.sandbox_state import sandbox_state
from resources.drivers.helm.reach import SOURCE_LABEL
from resources.drivers.helm.storage import newest_release
from resources.model.errors import ApprovalMissing
from resources.model.specs import HelmRelease
from sandbox.charts.packaging import archive_of
from sandbox.charts.registry import push
from tests.helpers.gate import USERS, Gate
from tests.helpers.packaged_chart import chart
from tests.helpers.releases import NAMESPACE

pytestmark = pytest.mark.sandbox
CHART, VERSION = "early", "0.1.0"
APP = """apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: app}
spec:
  maxUnavailable: {{ .Values.size }}
  selector: {matchLabels: {app: early}}
{{- range .Values.extraObjects }}
---
{{ tpl (toYaml .) $ }}
{{- end }}
"""
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "early-mallory"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}],
}
HOOK = {**BINDING, "metadata": {"name": "early-mallory", "annotations": {"helm.sh/hook": "post-upgrade"}}}
NAMED_ANEW = {**BINDING, "metadata": {"name": "early-{{ randAlphaNum 8 | lower }}"}}
HIDDEN = '{{ if lookup "v1" "Namespace" "" "kube-system" }}admin{{ else }}app{{ end }}'
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "more"},
    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "more"}}},
}


@dataclass
class EarlyGate(Gate):
    """A release of one small chart in a wave before the gate."""

    release: dict[str, Any] = field(default_factory=dict)

    def registry(self) -> Registry:
        @unit(wave="configuration")
        def demo(env: Environment) -> HelmRelease:
            """A release."""
            where = {"name": NAMESPACE, "namespace": NAMESPACE, "repository": "https://charts.test"}
            return HelmRelease(**where, chart=CHART, version=VERSION, values=self.release)

        return Registry.of([demo])


@pytest.fixture
def early(gate: Gate, release_namespace: str, tmp_path: Path) -> EarlyGate:
    """The release, in an environment that has been through its gate."""
    tools = Path(sandbox_state().tools)
    files = {"templates/app.yaml": APP, "values.yaml": "size: 1\nextraObjects: []\n"}
    push(sandbox_state().registry, archive_of(chart(tmp_path, tools, CHART, VERSION, files)), tools)
    own_gate = EarlyGate(gate.env, gate.name)
    asked = store.create_request(own_gate.context(), f"sha256:{'0' * 64}", f"{USERS}alice", [])
    store.record_use(own_gate.context(), asked, "first", "done")
    return own_gate


def test_release_before_gate_smuggles_nothing_past_it(early: EarlyGate) -> None:
    """What grants nothing goes on without approval; objects that grant rights, hooks, names that differ at each render,
    templates in values and another supplier of charts ask, each before anything is changed."""
    early.release = {"extraObjects": [BINDING]}
    with pytest.raises(ApprovalMissing, match="ClusterRoleBinding/early-mallory"):
        early.run("demo")
    early.release = {"size": 1}
    early.run("demo")
    first = newest_release(early.context(), NAMESPACE, NAMESPACE)
    assert first is not None
    assert first.labels[SOURCE_LABEL]
    early.release = {"size": 2, "extraObjects": [BUDGET]}
    early.run("demo")
    for objects, part in (
        ([BINDING], "ClusterRoleBinding/early-mallory"),
        ([HOOK], "ClusterRoleBinding/early-mallory"),
        ([NAMED_ANEW], r"ClusterRoleBinding/\*"),
        ([{**BUDGET, "metadata": {"name": "more", "labels": {"app": HIDDEN}}}], "template in values.extraObjects"),
    ):
        early.release = {"size": 3, "extraObjects": objects}
        with pytest.raises(ApprovalMissing, match=part):
            early.run("demo")
    early.release = {"size": 3, "extraObjects": [BUDGET]}
    charts = early.env.charts.model_copy(update={"mirror": f"oci://{sandbox_state().registry}/charts"})
    ours, early.env = early.env, early.env.model_copy(update={"charts": charts})
    with pytest.raises(ApprovalMissing, match="source of the chart"):
        early.run("demo")
    early.env = ours
    early.run("demo")
    last = newest_release(early.context(), NAMESPACE, NAMESPACE)
    assert last is not None
    assert last.revision == first.revision + 2
