"""KWOK's Stages: how nodes, pods, volumes and a few custom resources come to life.

A Stage whose kind is not served yet is refused by KWOK and not tried again, so the Stages of custom resources are
applied when their CRD has become available, and withdrawn when it is gone.
"""

from __future__ import annotations

import logging
import re
import textwrap
import threading
from pathlib import Path
from typing import Any

import yaml

from sandbox.paths import SANDBOX
from sandbox.plane.kubernetes_api import ApiError, KubernetesApi, Object, group_path

log = logging.getLogger(__name__)

FILES = SANDBOX / "kwok"
FIELD_MANAGER = "sandbox"
POLL_SECONDS = 0.5
_SCHEMA_KIND = "x-kubernetes-group-version-kind"

# A pod that may end does not crash-loop: its failure is final.
_POD_MODE = (
    '(.metadata.annotations["sandbox/mode"] // "") as $mode '
    '| if $mode == "crash" and .spec.restartPolicy != "Never" then "crash" '
    'elif $mode == "fail" and .spec.restartPolicy == "Always" then "crash" '
    'elif $mode == "crash" or $mode == "fail" then "fail" '
    'elif any(.spec.containers[].image; test("does-not-exist")) then "imagepull" '
    'elif $mode != "" then $mode else "run" end'
)

_FRAGMENT = re.compile(r"^( *)\$\((\w+)\)$", re.MULTILINE)


def core_stages(pod_seconds: float) -> list[Object]:
    """The Stages of nodes, pods and volumes; a pod becomes ready `pod_seconds` after it was scheduled."""
    return [stage for name in ("nodes", "pods", "storage") for stage in _load(name, pod_seconds)]


def custom_stages() -> list[Object]:
    """The Stages of custom resources, which need their CRD."""
    return _load("custom_resources", 0)


def apply_core_stages(api: KubernetesApi, definition: Path, pod_seconds: float) -> None:
    """Install KWOK's Stage CRD from the file `definition`, wait until it is served, and apply the core Stages.

    Raises SandboxError.
    """
    api.apply(yaml.safe_load(definition.read_text()), FIELD_MANAGER)
    api.wait_for_path("/apis/kwok.x-k8s.io/v1alpha1/stages", "KWOK's Stage API", seconds=20)
    for stage in core_stages(pod_seconds):
        api.apply(stage, FIELD_MANAGER)


class CustomStages:
    """Keeps the Stages of custom resources in step with the kinds that the API server serves, in a thread."""

    def __init__(self, cluster: str, api: KubernetesApi) -> None:
        self._cluster = cluster
        self._api = api
        self._stages = {
            (stage["spec"]["resourceRef"]["apiGroup"], stage["spec"]["resourceRef"]["kind"]): stage
            for stage in custom_stages()
        }
        self._applied: set[tuple[str, str]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stages of {cluster}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; return when it has ended."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._reconcile()
            except ApiError as error:
                log.info("cluster %s: the Stages of custom resources wait: %s", self._cluster, error)

    def _reconcile(self) -> None:
        versions = {version for version, _ in self._stages}
        served = {(version, kind) for version in versions for kind in self._api.kinds(version)}
        wanted = served & self._stages.keys()
        for key in wanted - self._applied:
            if not self._is_published(*key):
                wanted = wanted - {key}
                continue
            # KWOK looks at a Stage again only when it is new or changed; it may have refused this one before.
            self._api.delete(self._stages[key])
            self._api.apply(self._stages[key], FIELD_MANAGER)
            log.info("cluster %s: %s %s becomes ready by itself from now on", self._cluster, *key)
        for key in self._applied - wanted:
            self._api.delete(self._stages[key])
        self._applied = wanted

    def _is_published(self, api_version: str, kind: str) -> bool:
        """Whether the kind's schema is in OpenAPI, where KWOK looks for it; that is a second later than discovery."""
        document = self._api.get(f"/openapi/v3{group_path(api_version)}") or {}
        schemas = document.get("components", {}).get("schemas", {}).values()
        return any(known["kind"] == kind for schema in schemas for known in schema.get(_SCHEMA_KIND, []))


def _load(name: str, pod_seconds: float) -> list[dict[str, Any]]:
    text = (FILES / f"{name}.yaml").read_text()
    text = text.replace("$(POD_MODE)", _POD_MODE).replace("$(POD_MILLISECONDS)", str(round(pod_seconds * 1000)))
    return list(yaml.safe_load_all(_FRAGMENT.sub(_fragment, text)))


def _fragment(reference: re.Match[str]) -> str:
    """The lines of a file of fragments/, as deep as the line that names it."""
    indent, name = reference.groups()
    return textwrap.indent((FILES / "fragments" / f"{name.lower()}.tmpl").read_text().rstrip("\n"), indent)
