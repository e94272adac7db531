"""What the API server holds, kept up to date by one list-and-watch thread per resource."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from sandbox.stand_in.kube import Kube, KubeError, Object

RETRY_SECONDS = 1.0
# 410: the watch is too old, list again; 429: a new CRD is not stored yet.
PASSING = (410, 429)
ADMISSION = "/apis/admissionregistration.k8s.io/v1/"

# Path of every resource that is watched; those of CRDs appear once a chart installs them.
PATHS = {
    "deployments": "/apis/apps/v1/deployments",
    "services": "/api/v1/services",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
    "validating": ADMISSION + "validatingwebhookconfigurations",
    "mutating": ADMISSION + "mutatingwebhookconfigurations",
    "persistentvolumes": "/api/v1/persistentvolumes",
    "nodes": "/api/v1/nodes",
    "nodeclaims": "/apis/karpenter.sh/v1/nodeclaims",
    "externalsecrets": "/apis/external-secrets.io/v1/externalsecrets",
    "secretstores": "/apis/external-secrets.io/v1/secretstores",
    "clustersecretstores": "/apis/external-secrets.io/v1/clustersecretstores",
}


def object_path(resource: str, thing: Object) -> str:
    """Path of one object of `resource`."""
    prefix, plural = PATHS[resource].rsplit("/", 1)
    meta = thing["metadata"]
    namespace = f"/namespaces/{meta['namespace']}" if meta.get("namespace") else ""
    return f"{prefix}{namespace}/{plural}/{meta['name']}"


class Objects:
    """Live copy of the watched resources. `subscribe` returns an event that is set whenever one of them changes."""

    def __init__(self, kube: Kube, log: Callable[[str], None]) -> None:
        self._kube, self._log = kube, log
        self._held: dict[str, dict[str, Object]] = {resource: {} for resource in PATHS}
        self._served: dict[str, bool] = {resource: False for resource in PATHS}
        self._subscribers: list[tuple[frozenset[str], threading.Event]] = []
        self._lock = threading.Lock()

    def subscribe(self, resources: Iterable[str]) -> threading.Event:
        """An event set at every change of one of `resources`; whoever waits for it clears it."""
        event = threading.Event()
        self._subscribers.append((frozenset(resources), event))
        return event

    def all(self, resource: str) -> list[Object]:
        """Every object of `resource`; not to be changed."""
        with self._lock:
            return list(self._held[resource].values())

    def served(self, resource: str) -> bool:
        """Whether the list of `resource` is up to date: false before the first list and while its CRD is absent."""
        return self._served[resource]

    def deployment(self, *names: str) -> Object | None:
        """The Deployment whose name or label app.kubernetes.io/name is one of `names`."""
        for found in self.all("deployments"):
            labels = found["metadata"].get("labels") or {}
            if found["metadata"]["name"] in names or labels.get("app.kubernetes.io/name") in names:
                return found
        return None

    def ready(self, *names: str) -> bool:
        """Whether that Deployment has a ready replica; false when there is none."""
        found = self.deployment(*names)
        return bool(found and (found.get("status") or {}).get("readyReplicas"))

    def start(self, stopped: threading.Event) -> None:
        """Start the threads; they end with the process, and one that fails for good sets `stopped`."""

        def follow(resource: str) -> None:
            try:
                self._follow(resource)
            finally:
                stopped.set()

        for resource in PATHS:
            threading.Thread(target=follow, args=(resource,), name=f"watch-{resource}", daemon=True).start()

    def _follow(self, resource: str) -> None:
        pause, answered = threading.Event(), True
        while True:
            try:
                version = self._list(resource)
                answered = True
                self._watch(resource, version)
            except KubeError as error:
                if error.status == 404:
                    self._replace(resource, {}, served=False)
                elif error.status not in PASSING and answered:
                    answered = False
                    self._log(f"{resource}: {error}; trying again every {RETRY_SECONDS:g} s")
                pause.wait(RETRY_SECONDS)

    def _list(self, resource: str) -> str:
        answer = self._kube.request("GET", PATHS[resource])
        self._replace(resource, {item["metadata"]["uid"]: item for item in answer["items"]}, served=True)
        version: str = answer["metadata"]["resourceVersion"]
        return version

    def _watch(self, resource: str, version: str) -> None:
        for event in self._kube.watch(PATHS[resource], version):
            thing = event["object"]
            if event["type"] == "ERROR":
                raise KubeError(int(thing.get("code", 500)), str(thing.get("message")))
            if event["type"] == "BOOKMARK":
                continue
            with self._lock:
                if event["type"] == "DELETED":
                    self._held[resource].pop(thing["metadata"]["uid"], None)
                else:
                    self._held[resource][thing["metadata"]["uid"]] = thing
            self._tell(resource)

    def _replace(self, resource: str, held: dict[str, Object], served: bool) -> None:
        with self._lock:
            changed = held != self._held[resource] or served != self._served[resource]
            self._held[resource], self._served[resource] = held, served
        if changed:
            self._tell(resource)

    def _tell(self, resource: str) -> None:
        for resources, event in self._subscribers:
            if resource in resources:
                event.set()
