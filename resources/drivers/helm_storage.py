"""Reads helm's own storage: one Secret of type helm.sh/release.v1 a revision, base64(gzip(JSON)).

Source: helm, pkg/storage/driver/secrets.go and util.go.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

import yaml

from resources.kubernetes_objects import list_objects
from resources.world import World


@dataclass(frozen=True)
class Release:
    """One revision of a release. `values` are the user's, without the chart's defaults."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    version: str
    values: dict[str, Any]
    manifest: str
    labels: dict[str, str]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of the rendered manifest, with the release's namespace where they name none."""
        return [doc for doc in yaml.load_all(self.manifest, Loader=_Loader) if isinstance(doc, dict)]


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def newest_release(world: World, namespace: str, name: str) -> Release | None:
    """The newest revision; None where the release does not exist. One LIST serves a whole plan."""
    mine = [
        s
        for s in _secrets(world)
        if s["metadata"]["namespace"] == namespace and s["metadata"].get("labels", {}).get("name") == name
    ]
    if not mine:
        return None
    return decode(max(mine, key=lambda s: int(s["metadata"]["labels"]["version"])))


def newest_releases(world: World) -> list[Release]:
    """The newest revision of every release in the cluster."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for secret in sorted(_secrets(world), key=lambda s: int(s["metadata"]["labels"]["version"])):
        newest[(secret["metadata"]["namespace"], secret["metadata"]["labels"]["name"])] = secret
    return [decode(secret) for secret in newest.values()]


def _secrets(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.once(
        "helm releases", lambda: list_objects(world.cluster, "v1", "Secret", labels="owner=helm")
    )
    return found


def decode(secret: dict[str, Any]) -> Release:
    """A release from its Secret."""
    document = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    chart = document["chart"]["metadata"]
    return Release(
        name=document["name"],
        namespace=document["namespace"],
        revision=int(document["version"]),
        status=document["info"]["status"],
        chart=chart["name"],
        version=chart["version"],
        values=document.get("config") or {},
        manifest=document.get("manifest") or "",
        labels=secret["metadata"].get("labels", {}),
    )
