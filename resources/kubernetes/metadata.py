"""Which kinds the API server serves, and the metadata alone of their objects, page by page.

A cluster may hold many more objects than are ours, and most of an object is not its metadata. Sources: Kubernetes API
concepts, "Aggregated Discovery", "Retrieving large results sets in chunks", "Metadata-only fetches".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resources.kubernetes.access import ClusterAccess
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.objects import Object
from resources.kubernetes.pages import PAGE, read_pages

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class ServedKind:
    """A kind that can be listed, in the version that the API server prefers. `resource`: its plural in addresses."""

    group: str
    version: str
    kind: str
    resource: str
    is_namespaced: bool

    @property
    def path(self) -> str:
        """The address of all its objects."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/{self.resource}"

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


def served_kinds(cluster: ClusterAccess) -> tuple[ServedKind, ...]:
    """Every kind that can be listed. Raises AccessDenied, Transient."""
    kinds: list[ServedKind] = []
    for root in ("/api", "/apis"):
        with kubernetes_call("asking the cluster which APIs it serves"):
            answer = cluster.api.request("get", root, header_params={"Accept": _DISCOVERY}, serialize=False)
            groups = json.loads(answer.data)["items"]
        for group in groups:
            # The first version is the preferred one; a kind that only another one has is listed there.
            by_kind: dict[str, ServedKind] = {}
            for version in group["versions"]:
                for served in version.get("resources") or ():
                    if "list" in served["verbs"]:
                        kind = _served_kind(group["metadata"].get("name") or "", version["version"], served)
                        by_kind.setdefault(kind.kind, kind)
            kinds += by_kind.values()
    return tuple(kinds)


def _served_kind(group: str, version: str, served: dict[str, Any]) -> ServedKind:
    kind = served["responseKind"]["kind"]
    return ServedKind(group, version, kind, served["resource"], served["scope"] == "Namespaced")


def list_metadata(cluster: ClusterAccess, kind: ServedKind) -> Iterator[Object]:
    """`metadata` of every object of the kind, without the rest. Raises AccessDenied, NotFound, Transient."""

    def read(more: str | None) -> Mapping[str, Any]:
        with kubernetes_call(f"listing the metadata of {kind.kind}"):
            answer = cluster.api.request(
                "get", kind.path, header_params={"Accept": _METADATA}, limit=PAGE, _continue=more, serialize=False
            )
            page: Mapping[str, Any] = json.loads(answer.data)
            return page

    for item in read_pages(read):
        yield {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": item["metadata"]}
