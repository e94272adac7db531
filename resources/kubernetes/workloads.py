"""Whether Deployments, DaemonSets and StatefulSets are ready, and which pod explains it when they are not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WORKLOADS = {"Deployment", "DaemonSet", "StatefulSet"}
_HOPELESS = {
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
}


def unready_reason(workload: Mapping[str, Any]) -> str:
    """Empty when every replica is updated and ready at the observed generation; else what is missing."""
    meta, spec, status = workload["metadata"], workload.get("spec", {}), workload.get("status") or {}
    name = f"{workload['kind']} {meta.get('namespace', '')}/{meta['name']}"
    if status.get("observedGeneration", 0) < meta.get("generation", 1):
        return f"{name}: its newest generation is not observed yet"
    if workload["kind"] == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        updated = status.get("updatedNumberScheduled", 0)
    else:
        wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
        updated = status.get("updatedReplicas", 0)
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        updated = wanted  # its pods are people's to delete
    if ready < wanted or updated < wanted:
        return f"{name}: {ready} of {wanted} ready, {updated} updated"
    return ""


def doomed_reason(pod: Mapping[str, Any]) -> str:
    """Why a pod can't become ready by waiting, in the kubelet's words; empty when it may."""
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _HOPELESS:
            last = ((container.get("lastState") or {}).get("terminated") or {}).get("exitCode")
            ended = f" (last exit code {last})" if last is not None else ""
            where = f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}, container {container['name']}"
            return f"{where}: {waiting['reason']}: {waiting.get('message', 'no message')}{ended}"
    return ""


def ended_reason(pod: Mapping[str, Any]) -> str:
    """Which of the pod's containers ended with an error, and with which; empty where none did."""
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            where = f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}, container {container['name']}"
            said = ended.get("message") or ended.get("reason") or "no message"
            return f"{where}: ended with exit code {ended['exitCode']}: {said}"
    return ""


def selects_pod(workload: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Whether the workload's matchLabels select the pod."""
    labels = pod["metadata"].get("labels") or {}
    wanted = (workload.get("spec", {}).get("selector") or {}).get("matchLabels") or {}
    same_namespace = workload["metadata"].get("namespace") == pod["metadata"]["namespace"]
    return bool(wanted) and same_namespace and all(labels.get(k) == v for k, v in wanted.items())


def explain_unready(
    workloads: Iterable[Mapping[str, Any]],
    pods: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]] = (),
) -> str:
    """The first workload that is not ready, and the pod that says why, or why it gets none; empty when all are ready.
    `events`: those of its namespace, in which alone a DaemonSet's and a StatefulSet's refusals are written."""
    pods, events = list(pods), list(events)
    for workload in workloads:
        if missing := unready_reason(workload):
            reasons = [doomed_reason(pod) or unscheduled_reason(pod) for pod in pods if selects_pod(workload, pod)]
            reason = next((r for r in (*reasons, refused_reason(workload, events)) if r), "")
            return f"{missing}; {reason}" if reason else missing
    return ""


def refused_reason(workload: Mapping[str, Any], events: Iterable[Mapping[str, Any]] = ()) -> str:
    """Why the API server refuses the workload's pods (a quota, a webhook, the namespace's pod security), in its words;
    empty where it does not. A Deployment says so by itself (condition ReplicaFailure)."""
    for condition in (workload.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return f"its pods are refused: {condition.get('message', condition.get('reason', ''))}"
    about = (workload["kind"], workload["metadata"]["name"])
    refused = [
        event
        for event in events
        if event.get("reason") == "FailedCreate" and _involved(event) == about and event.get("message")
    ]
    newest = max(refused, key=lambda event: str(event.get("lastTimestamp") or ""), default=None)
    return f"its pods are refused: {newest['message']}" if newest else ""


def _involved(event: Mapping[str, Any]) -> tuple[str, str]:
    involved = event.get("involvedObject") or {}
    return str(involved.get("kind")), str(involved.get("name"))


def unscheduled_reason(pod: Mapping[str, Any]) -> str:
    """Why no node takes the pod, in the scheduler's words; empty when one does."""
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            return f"pod {where} is not scheduled: {condition.get('message', condition.get('reason', ''))}"
    return ""
