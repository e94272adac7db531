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


def selects_pod(workload: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Whether the workload's matchLabels select the pod."""
    labels = pod["metadata"].get("labels") or {}
    wanted = (workload.get("spec", {}).get("selector") or {}).get("matchLabels") or {}
    same_namespace = workload["metadata"].get("namespace") == pod["metadata"]["namespace"]
    return bool(wanted) and same_namespace and all(labels.get(k) == v for k, v in wanted.items())


def explain_unready(workloads: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]]) -> str:
    """The first workload that is not ready, and the pod that says why; empty when all are ready."""
    pods = list(pods)
    for workload in workloads:
        if missing := unready_reason(workload):
            reasons = [doomed_reason(pod) or _unscheduled(pod) for pod in pods if selects_pod(workload, pod)]
            reason = next((r for r in reasons if r), "")
            return f"{missing}; {reason}" if reason else missing
    return ""


def _unscheduled(pod: Mapping[str, Any]) -> str:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            return f"pod {where} is not scheduled: {condition.get('message', condition.get('reason', ''))}"
    return ""
