"""The objects of every release of an environment, as the real helm renders the sandbox's charts; no cluster."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.model.outputs import plain_document
from resources.model.specs import HelmRelease, Manifests
from sandbox.charts.packaging import package
from sandbox.paths import SANDBOX
from tests.injections.injection import Object

APPLICATIONS = SANDBOX / "git" / "argocd_app_config"


def rendered_objects(env: Environment, tools: Path, folder: Path) -> Iterator[Object]:
    """Of the releases, CRDs among them, of plain manifests, and of Argo CD; in the order of the units."""
    registry = load_registry()
    for unit in registry.units:
        spec = render_spec(registry, env, unit, {}) if unit.is_enabled(env) else None
        if isinstance(spec, Manifests):
            yield from (json.loads(json.dumps(plain_document(obj), default=str)) for obj in spec.objects)
        elif isinstance(spec, HelmRelease):
            yield from _templated(spec, tools, folder)
    for file in sorted(APPLICATIONS.glob("projects/*.yaml")) + sorted(APPLICATIONS.rglob("applicationset.yaml")):
        yield from (obj for obj in yaml.safe_load_all(file.read_text()) if obj)


def _templated(spec: HelmRelease, tools: Path, folder: Path) -> Iterator[Object]:
    values = folder / "values.yaml"
    values.write_text(json.dumps(plain_document(spec.values), default=str))
    chart = package(spec.chart, tools, folder)
    command: list[str | Path] = [
        tools / "helm",
        "template",
        spec.name,
        chart.path,
        "--namespace",
        spec.namespace,
        "--values",
        values,
    ]
    flags = ["--kube-version", "1.34.0", *([] if spec.skip_crds else ["--include-crds"])]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=60, check=True)
    yield from (obj for obj in yaml.safe_load_all(done.stdout) if obj)


def with_defaults(obj: Object) -> Object:
    """The object with what the API server fills in where nothing is said, as far as somebody would change it."""
    live = copy.deepcopy(obj)
    if live["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        pod = live["spec"]["template"]["spec"]
        for key, value in _POD.items():
            pod.setdefault(key, value)
        live["spec"].setdefault("revisionHistoryLimit", 10)
    if live["kind"] == "Deployment":
        live["spec"].setdefault(
            "strategy", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
        )
    if live["kind"] == "Service":
        live["spec"] = {**_SERVICE, **live["spec"]}
    for webhook in live.get("webhooks", ()):
        for key, value in _WEBHOOK.items():
            webhook.setdefault(key, value)
    return live


_POD = {"terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "securityContext": {}}
_SERVICE = {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
_WEBHOOK = {"namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10, "matchPolicy": "Equivalent"}
