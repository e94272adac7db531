"""The content of the chart registry, which keeps it in memory only: read into a folder, and put back.

The folder holds `index.json`, the tags with the digests of their manifests, and `blobs/`, manifests and layers by
digest. The interface is that of the OCI distribution specification, over plain HTTP.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import urllib3

from sandbox.charts.registry import MANIFEST, REQUEST_TIMEOUT_SECONDS
from sandbox.errors import SandboxError
from sandbox.paths import read_json, write_json

Tags = dict[str, dict[str, str]]


class RegistryContent:
    """Everything with a tag in the registry at host:port."""

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._http = urllib3.PoolManager(timeout=REQUEST_TIMEOUT_SECONDS, retries=False)

    def save(self, folder: Path) -> None:
        """Write all of it to a new folder. Raises SandboxError when the registry does not answer."""
        (folder / "blobs").mkdir(mode=0o700, parents=True)
        tags = self.tags()
        for repository, digests in tags.items():
            for digest in digests.values():
                manifest = self.request("GET", f"{repository}/manifests/{digest}").data
                (folder / "blobs" / digest).write_bytes(manifest)
                for blob in blobs_of(manifest):
                    (folder / "blobs" / blob).write_bytes(self.request("GET", f"{repository}/blobs/{blob}").data)
        write_json(folder / "index.json", tags)

    def put_back(self, folder: Path) -> None:
        """Make the registry hold exactly the tags that `folder` has. Raises SandboxError as `save` does."""
        wanted: Tags = read_json(folder / "index.json")
        present = self.tags()
        for repository, digests in wanted.items():
            for tag, digest in digests.items():
                if present.get(repository, {}).get(tag) != digest:
                    self._push(repository, tag, (folder / "blobs" / digest).read_bytes(), folder / "blobs")
        for repository, digests in present.items():
            for tag in digests.keys() - wanted.get(repository, {}).keys():
                self.request("DELETE", f"{repository}/manifests/{tag}")

    def _push(self, repository: str, tag: str, manifest: bytes, blobs: Path) -> None:
        for blob in blobs_of(manifest):
            self.request("POST", f"{repository}/blobs/uploads/?digest={blob}", (blobs / blob).read_bytes())
        self.request("PUT", f"{repository}/manifests/{tag}", manifest)

    def tags(self) -> Tags:
        """{repository: {tag: digest of its manifest}}."""
        found: Tags = {}
        for repository in self.request("GET", "_catalog?n=10000").json()["repositories"] or []:
            tags = self.request("GET", f"{repository}/tags/list?n=10000").json()["tags"] or []
            heads = {tag: self.request("HEAD", f"{repository}/manifests/{tag}") for tag in tags}
            found[repository] = {tag: head.headers["Docker-Content-Digest"] for tag, head in heads.items()}
        return found

    def request(self, method: str, path: str, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
        """The answer to a request below /v2/. Raises SandboxError unless it succeeds."""
        headers = {"Accept": MANIFEST, "Content-Type": MANIFEST}
        try:
            answer = self._http.request(method, f"http://{self._registry}/v2/{path}", body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise SandboxError(f"The chart registry {self._registry} does not answer: {error}") from error
        if answer.status >= 400:
            raise SandboxError(f"The chart registry {self._registry} answered {answer.status} to {method} {path}.")
        return answer


def blobs_of(manifest: bytes) -> list[str]:
    """The digests of the blobs that a manifest refers to."""
    content: dict[str, Any] = json.loads(manifest)
    return [part["digest"] for part in [content["config"], *content["layers"]]]
