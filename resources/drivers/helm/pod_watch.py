"""Watches the pods of a release while helm waits, and ends the wait when one can't become ready."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Mapping
from typing import Any

from resources.context import Context
from resources.drivers.helm.storage import RELEASE_SECRETS, Release, newest_release
from resources.kubernetes.objects import list_objects, read_object
from resources.kubernetes.workloads import (
    WORKLOADS,
    doomed_reason,
    ended_reason,
    explain_unready,
    refused_reason,
    selects_pod,
    unready_reason,
)
from resources.model.errors import OperationFailed, PipelineError, Transient

# What an upgrade that leaves its pods alone may still give to pods that were there before it: a ConfigMap, a Secret.
_GRACE = 15.0
# A container may crash at its start while what it waits for comes up; more crashes in a row are no such thing.
_CRASHES = 3
# How long a registry, a node's DNS or a new NAT gateway may fail the same pull, in seconds.
_PULLING = 180.0
# How long the API server may refuse pods before that is no start in the wrong order (of a webhook, of a quota), and how
# often that is asked, in seconds.
_REFUSED, _LOOK = 60.0, 10.0
_PULLS = ("ErrImagePull", "ImagePullBackOff")
# What a registry says of an image that will not be there the next time either.
_NO_IMAGE = re.compile(
    r"not found|manifest unknown|name unknown|invalid|no match for platform|unauthorized|denied|authentication required"
    r"|\b40[134]\b",
    re.IGNORECASE,
)


class PodWatch:
    """`check` raises OperationFailed with the pod's own message when a pod of the release is beyond hope."""

    def __init__(self, context: Context, namespace: str, name: str) -> None:
        self._context, self._namespace, self._name = context, namespace, name
        self._began = time.monotonic()
        self._old = {pod["metadata"]["uid"] for pod in self._pods()}
        before = newest_release(context, namespace, name)
        self._revision = before.revision if before else 0
        self._templates = _pod_templates(before) if before else {}
        self._worst = ""
        self._pulling: dict[str, float] = {}
        self._refusing: dict[tuple[str, str, str], float] = {}
        self._began_at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._next_look = self._began + _LOOK

    def check(self) -> None:
        """Read the pods once; call it every second or so."""
        try:
            bad = self._bad_pods() or self._refused()
        except Transient as error:
            self._context.progress(str(error))
            return
        if bad:
            self._worst = bad[0]
            raise OperationFailed(
                f"release {self._name} in {self._namespace}: {bad[0]}",
                next_step="fix the image or the values under `addons` in the environment file, then deploy again",
            )

    def _refused(self) -> list[str]:
        """The workloads whose pods the API server has refused for long."""
        now = time.monotonic()
        if now < self._next_look:
            return []
        self._next_look = now + _LOOK
        workloads, events = self._live()
        reasons = {_identity(w): (unready_reason(w), refused_reason(w, events)) for w in workloads}
        refused = {key: f"{unready}; {reason}" for key, (unready, reason) in reasons.items() if unready and reason}
        self._refusing = {key: self._refusing.get(key, now) for key in refused}
        return [words for key, words in refused.items() if now - self._refusing[key] >= _REFUSED]

    def _live(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The workloads of the revision that helm makes, and the events since; none before there is one."""
        release = newest_release(self._context, self._namespace, self._name)
        if release is None or release.revision == self._revision:
            return [], []
        live = [read_object(self._context.cluster, workload) for workload in _workloads(release)]
        events = list_objects(self._context.cluster, "v1", "Event", namespace=self._namespace)
        since = [event for event in events if str(event.get("lastTimestamp") or "") >= self._began_at]
        return [workload for workload in live if workload], since

    def worst(self) -> str:
        """The pod that explains a failure, as far as one does."""
        try:
            return self._worst or next(iter(self._bad_pods(patient=False)), "")
        except PipelineError as error:
            return f"(its pods could not be read: {error.message})"

    def unready(self) -> str:
        """The first of the release's workloads that did not become ready, and why: no node for its pods, or the API
        server refuses them; else the pod of a hook that ended with an error."""
        try:
            return self._unready()
        except PipelineError as error:
            return f"(its workloads could not be read: {error.message})"

    def _unready(self) -> str:
        (workloads, events), pods = self._live(), self._pods()
        # A hook's Job is no workload: helm waits for it before it makes or after it has made the others.
        ended = (doomed_reason(pod) or ended_reason(pod) for pod in pods if pod["metadata"]["uid"] not in self._old)
        return explain_unready(workloads, pods, events) or next((reason for reason in ended if reason), "")

    def _pods(self) -> list[dict[str, Any]]:
        return list_objects(self._context.cluster, "v1", "Pod", namespace=self._namespace)

    def _bad_pods(self, *, patient: bool = True) -> list[str]:
        self._context.cache.invalidate(RELEASE_SECRETS)
        release = newest_release(self._context, self._namespace, self._name)
        if release is None or release.revision == self._revision:
            return []
        early = time.monotonic() - self._began < _GRACE
        pods = self._pods()
        judged = []
        templates = _pod_templates(release)
        for workload in _workloads(release):
            own = [pod for pod in pods if selects_pod(workload, pod)]
            new = [pod for pod in own if pod["metadata"]["uid"] not in self._old]
            # A broken pod stays until the one that replaces it is ready, however long hooks and controllers take.
            is_replaced = templates[_identity(workload)] != self._templates.get(_identity(workload))
            judged += new if new or early or is_replaced else own
        return [why for pod in judged if (why := doomed_reason(pod)) and not (patient and self._may_recover(pod))]

    def _may_recover(self, pod: Mapping[str, Any]) -> bool:
        """Whether all that is wrong with the pod are containers that have crashed only a few times, or pulls that have
        not failed for long and may succeed."""
        status = pod.get("status") or {}
        containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
        waiting = [c for c in containers if (c.get("state") or {}).get("waiting")]
        since = self._pulling.setdefault(pod["metadata"]["uid"], time.monotonic())
        is_early = time.monotonic() - since < _PULLING
        return all(may_pass(container, is_early) for container in waiting)


def _workloads(release: Release) -> list[Mapping[str, Any]]:
    """The workloads of the rendered manifest, each with its namespace."""
    return [
        {**obj, "metadata": {"namespace": release.namespace, **obj["metadata"]}}
        for obj in release.objects
        if obj.get("kind") in WORKLOADS
    ]


def _identity(workload: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = workload["metadata"]
    return str(workload["kind"]), str(metadata["namespace"]), str(metadata["name"])


def _pod_templates(release: Release) -> dict[tuple[str, str, str], Any]:
    return {_identity(w): w.get("spec", {}).get("template") for w in _workloads(release)}


def may_pass(container: Mapping[str, Any], is_early: bool) -> bool:
    """Whether what a container waits for may come by waiting: few crashes yet, or a pull that fails for no lasting
    reason, as long as that `is_early`."""
    waiting = container["state"]["waiting"]
    if waiting.get("reason") in _PULLS:
        return is_early and not _NO_IMAGE.search(str(waiting.get("message") or ""))
    return waiting.get("reason") == "CrashLoopBackOff" and container.get("restartCount", 0) < _CRASHES
