"""Reads helm's own storage: one Secret of type helm.sh/release.v1 a revision, base64(gzip(JSON)).

Source: helm, pkg/storage/driver/secrets.go and util.go.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from resources.context import Context
from resources.kubernetes.objects import Object, list_objects
from resources.support.cache import cached_json
from resources.support.memory_cache import CacheKey
from resources.support.yaml_limits import RENDERED, load_document, read_limits


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

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of the rendered manifest, as they stand in it: most name no namespace."""
        return manifest_objects(self.manifest)


# To be invalidated by whoever runs helm against the cluster.
RELEASE_SECRETS: CacheKey[list[Object]] = CacheKey("Secrets of helm's releases")
_DECODED: CacheKey[Release] = CacheKey("decoded revision of a release")
_BETWEEN = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_IS_CRD = re.compile(r"^[\"']?kind[\"']?: *[\"']?CustomResourceDefinition\b", re.MULTILINE)
_HAS_SECRET = re.compile(r"\bkind[\"']?: *[\"']?Secret\b")


def manifest_objects(manifest: str) -> list[dict[str, Any]]:
    """The objects of a rendered manifest; those of a `List` one by one. Raises yaml.YAMLError."""
    documents = [doc for text in _BETWEEN.split(manifest) if isinstance(doc := _document(text), dict)]
    return [obj for doc in documents for obj in (doc["items"] if str(doc.get("kind")).endswith("List") else [doc])]


def _document(text: str) -> Any:
    # CRDs are most of a manifest by far, seldom change and hold no secrets; as JSON they are read 50 times as fast.
    is_public = _IS_CRD.search(text) and not _HAS_SECRET.search(text)
    return cached_json("crds", text, _parsed) if is_public else _parsed(text)


def _parsed(text: str) -> Any:
    return load_document(text, read_limits().scaled(RENDERED))


def newest_release(context: Context, namespace: str, name: str) -> Release | None:
    """The newest revision; None where the release does not exist. One LIST serves a whole plan."""
    mine = [
        s
        for s in _secrets(context)
        if s["metadata"]["namespace"] == namespace and s["metadata"].get("labels", {}).get("name") == name
    ]
    if not mine:
        return None
    newest = max(mine, key=lambda s: int(s["metadata"]["labels"]["version"]))
    version = (newest["metadata"]["uid"], newest["metadata"]["resourceVersion"])
    return context.cache.get(_DECODED, lambda: decode_release(newest), item=version)


def newest_releases(context: Context) -> list[Release]:
    """The newest revision of every release in the cluster."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for secret in sorted(_secrets(context), key=lambda s: int(s["metadata"]["labels"]["version"])):
        newest[(secret["metadata"]["namespace"], secret["metadata"]["labels"]["name"])] = secret
    return [decode_release(secret) for secret in newest.values()]


def _secrets(context: Context) -> list[Object]:
    # The newest revision is never superseded; each holds its whole chart, so the old ones are left where they are.
    labels = "owner=helm,status!=superseded"
    return context.cache.get(RELEASE_SECRETS, lambda: list_objects(context.cluster, "v1", "Secret", labels=labels))


def decode_release(secret: dict[str, Any]) -> Release:
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
