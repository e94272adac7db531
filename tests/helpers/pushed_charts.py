"""Charts of a test's own in an OCI registry, pushed without helm."""

from __future__ import annotations

import hashlib
import json

from sandbox.charts.registry import MANIFEST
from sandbox.snapshots.charts import RegistryContent


def push(registry: str, name: str, tag: str, layer: bytes) -> None:
    """Push a chart of one layer, without helm."""
    content, base = RegistryContent(registry), f"charts/{name}"
    parts = [layer, b"{}"]
    digests = [_upload(content, base, part) for part in parts]
    manifest = {"mediaType": MANIFEST, "config": {"digest": digests[1]}, "layers": [{"digest": digests[0]}]}
    content.request("PUT", f"{base}/manifests/{tag}", json.dumps(manifest).encode())


def _upload(content: RegistryContent, base: str, blob: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    content.request("POST", f"{base}/blobs/uploads/?digest={digest}", blob)
    return digest
