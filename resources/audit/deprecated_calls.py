"""Who has asked the API server for deprecated APIs: by its own count, and by the audit log.

Source: Kubernetes documentation, "Deprecation warnings" (the metric `apiserver_requested_deprecated_apis`, the
annotations `k8s.io/deprecated` and `k8s.io/removed-release`); CloudWatch Logs user guide, "Filter pattern syntax".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.kubernetes.access import ClusterAccess
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.metrics import DEPRECATED_APIS, list_samples

_DEPRECATED, _REMOVED = "k8s.io/deprecated", "k8s.io/removed-release"
_PAGES = 20  # of the log, at most


@dataclass(frozen=True)
class DeprecatedCall:
    """`resource`: `endpoints.v1`, `flowschemas.v1beta3.flowcontrol.apiserver.k8s.io`; `removed_in`: "1.32", empty where
    Kubernetes has named no version; `by`, `time`: of the audit log alone."""

    resource: str
    removed_in: str
    by: str = ""
    time: str = ""


def count_deprecated_calls(cluster: ClusterAccess) -> list[DeprecatedCall]:
    """What the API server that answers was asked for since it started: EKS runs several, and each counts by itself.
    Raises AccessDenied, Transient."""
    with kubernetes_call("reading the API server's metrics"):
        answer = cluster.api.request("get", "/metrics", serialize=False)
        samples = list_samples(answer.data.decode(), DEPRECATED_APIS)
    return [
        DeprecatedCall(_dotted(one, "resource", "version", "group"), one.get("removed_release", "")) for one in samples
    ]


def _dotted(labels: Mapping[str, Any], *names: str) -> str:
    return ".".join(str(labels[name]) for name in names if labels.get(name))


def list_deprecated_calls(context: Context, since: float) -> Iterator[DeprecatedCall]:
    """Calls of deprecated APIs since a time (seconds since 1970), by the audit log. Raises NotFound where there is
    none, AccessDenied, Transient."""
    client, group = context.aws.client("logs"), f"/aws/eks/{context.env.cluster_name}/cluster"
    request: dict[str, Any] = {
        "logGroupName": group,
        "logStreamNamePrefix": "kube-apiserver-audit-",
        "startTime": int(since * 1000),
        "filterPattern": f'"{_DEPRECATED}"',
    }
    for _ in range(_PAGES):
        with aws_call(f"reading the audit log of cluster {context.env.cluster_name}"):
            page = client.filter_log_events(**request)
        for logged in page["events"]:
            if (call := parse_deprecated_call(logged["message"])) is not None:
                yield call
        if not page.get("nextToken"):
            return
        request["nextToken"] = page["nextToken"]


def parse_deprecated_call(message: str) -> DeprecatedCall | None:
    """The call of one line of the log; None where its API is not deprecated."""
    try:
        record = json.loads(message)
        notes, target = record.get("annotations") or {}, record.get("objectRef") or {}
        if notes.get(_DEPRECATED) != "true":
            return None
        agent, user = record.get("userAgent") or "", (record.get("user") or {}).get("username", "")
        return DeprecatedCall(
            _dotted(target, "resource", "apiVersion", "apiGroup"),
            str(notes.get(_REMOVED, "")),
            by=f"{user} ({agent})" if agent else str(user),
            time=str(record.get("requestReceivedTimestamp") or ""),
        )
    except (AttributeError, TypeError, ValueError):
        return None
