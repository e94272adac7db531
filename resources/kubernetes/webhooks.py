"""Why a webhook does not answer: what its Service's pods say. It belongs to another release than the one it stops."""

from __future__ import annotations

import re

from resources.kubernetes.access import ClusterAccess
from resources.kubernetes.objects import Object, find_condition, list_objects, read_object
from resources.kubernetes.workloads import doomed_reason, unscheduled_reason
from resources.model.errors import PipelineError

# The API server's words: failed calling webhook "NAME": failed to call webhook: Post "https://SERVICE.NAMESPACE.svc:443/..."
_FAILED = re.compile(
    r'failed calling webhook "(?P<name>[^"]+)".*?https://(?P<service>[\w-]+)\.(?P<namespace>[\w-]+)\.svc\b'
)


def explain_webhook(message: str, cluster: ClusterAccess) -> str:
    """The first cause behind a message that a webhook did not answer, to be added to it; empty where it is of no
    webhook or nothing is wrong with its pods."""
    match = _FAILED.search(message.replace("\n", " "))
    if match is None:
        return ""
    where = f"{match['namespace']}/{match['service']}"
    try:
        reason = _reason(match["namespace"], match["service"], cluster)
    except PipelineError as error:
        reason = f"its pods could not be read: {error.message}"
    return f"; webhook {match['name']} is served by Service {where}: {reason}" if reason else ""


def _reason(namespace: str, name: str, cluster: ClusterAccess) -> str:
    metadata = {"namespace": namespace, "name": name}
    service = read_object(cluster, {"apiVersion": "v1", "kind": "Service", "metadata": metadata})
    if service is None:
        return "there is no such Service"
    selector = (service.get("spec") or {}).get("selector") or {}
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    pods = list_objects(cluster, "v1", "Pod", namespace=namespace, labels=labels) if labels else []
    if not pods:
        return f"no pod has the labels {labels}"
    unready = [pod for pod in pods if (find_condition(pod, "Ready") or {}).get("status") != "True"]
    if len(unready) < len(pods):
        return ""
    return next((reason for pod in unready if (reason := _pod_reason(pod))), "")


def _pod_reason(pod: Object) -> str:
    phase = (pod.get("status") or {}).get("phase", "Unknown")
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    return doomed_reason(pod) or unscheduled_reason(pod) or f"pod {name} is {phase} and not ready"
