"""What the API server of a cluster serves, in one answer. Source: Kubernetes documentation, "Aggregated discovery"."""

from __future__ import annotations

import json
from typing import Any

from resources.kubernetes.access import ClusterAccess
from resources.kubernetes.errors import kubernetes_call

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def read_discovery(cluster: ClusterAccess) -> list[dict[str, Any]]:
    """Every group but the core's, with its versions and their resources. Raises AccessDenied, Transient."""
    with kubernetes_call("asking the cluster which APIs it serves"):
        answer = cluster.api.request("get", "/apis", header_params={"Accept": _AGGREGATED}, serialize=False)
        groups: list[dict[str, Any]] = json.loads(answer.data)["items"]
    return groups


def list_served_kinds(cluster: ClusterAccess) -> frozenset[str]:
    """`group/version/Kind` of what can be listed, but for the core group's. Raises AccessDenied, Transient."""
    return frozenset(
        f"{group['metadata']['name']}/{served['version']}/{resource['responseKind']['kind']}"
        for group in read_discovery(cluster)
        for served in group["versions"]
        for resource in served.get("resources", ())
        if "list" in resource.get("verbs", ())
    )
