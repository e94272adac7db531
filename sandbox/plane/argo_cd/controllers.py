"""Argo CD in one cluster: genuine controllers as processes, each only while its pod of the installed release is Ready.

The pods themselves are KWOK's and run nothing. The processes read what the release made (argocd-cm, argocd-secret,
argocd-cmd-params-cm, repository Secrets), so a release that is broken, scaled down or gone shows as it would in AWS.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.plane.argo_cd.processes import COMPONENTS, NAMESPACE, REDIS, ArgoCdConfig, prepare, specs
from sandbox.plane.kubernetes_api import KubernetesApi, Object
from sandbox.processes.readiness import wait_until_ready
from sandbox.processes.supervised import Launcher, ProcessSpec, SupervisedProcess

log = logging.getLogger(__name__)

POLL_SECONDS, REDIS_SECONDS = 0.5, 20.0
SERVER = "argocd-server"
CUSTOM_KINDS = {"Application", "ApplicationSet", "AppProject"}
NAME_LABEL = "app.kubernetes.io/name"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_API_VERSION = "argoproj.io/v1alpha1"
_PARAMETERS = f"/api/v1/namespaces/{NAMESPACE}/configmaps/argocd-cmd-params-cm"


class ArgoCd:
    """Keeps the processes in step with the pods, in a thread, from `start` to `stop`."""

    def __init__(self, config: ArgoCdConfig, api: KubernetesApi, launcher: Launcher) -> None:
        self._sockets = _short_folder(config.directory)
        self._config = config
        self._api, self._launcher = api, launcher
        self._running: dict[str, SupervisedProcess] = {}
        self._has_project = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"argo-cd of {config.cluster}", daemon=True)

    @property
    def processes(self) -> list[SupervisedProcess]:
        """Those that are to run now."""
        return list(self._running.values())

    def start(self) -> None:
        """Start to watch; processes follow within half a second of their pods."""
        shutil.rmtree(self._config.directory / "tmp", ignore_errors=True)  # clones of an earlier start
        prepare(self._config)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and all processes; return when they have ended."""
        self._stopping.set()
        self._thread.join()
        self._end(list(self._running))
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _run(self) -> None:
        said = ""
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self._reconcile()
                said = ""
            except SandboxError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("Argo CD of cluster %s stays as it is: %s", self._config.cluster, error)

    def _reconcile(self) -> None:
        names = ",".join((*COMPONENTS, SERVER))
        pods = self._api.list(_PODS, labelSelector=f"{NAME_LABEL} in ({names})", resourceVersion="0")
        ready = {pod["metadata"]["labels"][NAME_LABEL] for pod in pods if is_ready(pod)}
        if ready and not self._running and not self._api.kinds(_API_VERSION).keys() >= CUSTOM_KINDS:
            return  # an ApplicationSet controller that finds no CRD looks again after ten seconds only
        wanted = specs(self._config, self._sockets, self._parameters()) if ready else {}
        self._end(
            [name for name, process in self._running.items() if name not in ready or process.spec != wanted[name]]
        )
        if SERVER not in ready:
            self._has_project = False
        elif not self._has_project:
            self._ensure_default_project()
        for name in COMPONENTS:
            if name in ready and name not in self._running:
                self._start(name, wanted[name])

    def _start(self, name: str, spec: ProcessSpec) -> None:
        self._sockets.mkdir(mode=0o700, exist_ok=True)  # whatever cleans temporary folders may have taken it
        process = SupervisedProcess(spec, self._launcher)
        process.start()
        self._running = {**self._running, name: process}
        log.info("%s runs: its pod is Ready", spec.name)
        if name == REDIS:  # the others, which follow, want it from their first second
            port = self._config.ports[REDIS]
            wait_until_ready(process, lambda: _listens(port), REDIS_SECONDS)

    def _ensure_default_project(self) -> None:
        """The AppProject `default`, which the real argocd-server makes when it starts and there is none."""
        project = {
            "apiVersion": _API_VERSION,
            "kind": "AppProject",
            "metadata": {"name": "default", "namespace": NAMESPACE},
        }
        if self._api.get(self._api.path_of(project)) is None:
            spec = {
                "sourceRepos": ["*"],
                "destinations": [{"server": "*", "namespace": "*"}],
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            }
            self._api.apply({**project, "spec": spec}, SERVER)
        self._has_project = True

    def _parameters(self) -> dict[str, str]:
        """What the release sets in argocd-cmd-params-cm; a process is started again when it changes."""
        parameters: dict[str, str] = (self._api.get(_PARAMETERS) or {}).get("data") or {}
        return parameters

    def _end(self, names: list[str]) -> None:
        if not names:
            return
        ending = [self._running[name] for name in names]
        with ThreadPoolExecutor(max_workers=len(COMPONENTS)) as pool:
            list(pool.map(SupervisedProcess.stop, ending))
        self._running = {name: process for name, process in self._running.items() if name not in names}
        for process in ending:
            log.info("%s stopped", process.spec.name)


def is_ready(pod: Object) -> bool:
    """Whether a pod's condition Ready is true and it is not on its way out."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _short_folder(directory: Path) -> Path:
    """A new folder with a short path for this directory, in place of one that a killed supervisor has left."""
    prefix = f"argo-cd-{hashlib.sha256(str(directory).encode()).hexdigest()[:12]}-"
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=prefix))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
