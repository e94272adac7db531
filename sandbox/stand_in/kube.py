"""A thin client of the Kubernetes API: JSON in, JSON out, over pooled connections."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
FIELD_MANAGER = "sandbox-stand-in"
REQUEST_TIMEOUT_SECONDS = 10.0
WATCH_SECONDS = 300


class KubeError(Exception):
    """The API server refused a request or did not answer; `status` is the HTTP code, 0 when there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Kube:
    """Client of one cluster, made from a kubeconfig with embedded client certificates."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server: str = cluster["server"].rstrip("/")
        self._folder = tempfile.TemporaryDirectory(prefix="stand-in-")
        self._http = urllib3.PoolManager(
            maxsize=32,
            retries=False,
            ca_certs=self._file("ca.crt", cluster["certificate-authority-data"]),
            cert_file=self._file("client.crt", user["client-certificate-data"]),
            key_file=self._file("client.key", user["client-key-data"]),
        )

    def _file(self, name: str, encoded: str) -> str:
        path = Path(self._folder.name) / name
        path.touch(mode=0o600)
        path.write_bytes(base64.b64decode(encoded))
        return str(path)

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Object:
        """The decoded answer. Raises KubeError when the server refuses the request or does not answer."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        try:
            answer = self._http.request(
                method, self.server + path, body=data, headers=headers, timeout=REQUEST_TIMEOUT_SECONDS
            )
        except urllib3.exceptions.HTTPError as error:
            raise KubeError(0, f"{method} {path}: the API server does not answer: {error}") from error
        return _decoded(f"{method} {path}", answer.status, answer.data)

    def watch(self, path: str, resource_version: str) -> Iterator[Object]:
        """Watch events from `resource_version` on, until the server ends the stream.

        Raises KubeError as `request` does, and when the stream breaks.
        """
        query = urlencode(
            {
                "watch": 1,
                "resourceVersion": resource_version,
                "timeoutSeconds": WATCH_SECONDS,
                "allowWatchBookmarks": "true",
            }
        )
        timeout = urllib3.Timeout(connect=REQUEST_TIMEOUT_SECONDS, read=WATCH_SECONDS + 30)
        try:
            answer = self._http.request("GET", f"{self.server}{path}?{query}", preload_content=False, timeout=timeout)
            if answer.status != 200:
                _decoded(f"watch {path}", answer.status, answer.data)
            rest = b""
            for chunk in answer.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise KubeError(0, f"watch {path}: {error}") from error

    def patch(self, path: str, body: object, content_type: str = MERGE_PATCH, manager: str = FIELD_MANAGER) -> Object:
        """Patch the object at `path` under the field manager `manager`."""
        return self.request("PATCH", f"{path}?{urlencode({'fieldManager': manager})}", body, content_type)

    def patch_status(self, path: str, status: Object, manager: str = FIELD_MANAGER) -> Object:
        """Merge `status` into the status subresource of the object at `path`."""
        return self.patch(f"{path}/status", {"status": status}, manager=manager)

    def apply(self, path: str, body: Object, manager: str = FIELD_MANAGER) -> Object:
        """Server-side apply `body` at `path`, taking over fields that others own."""
        query = urlencode({"fieldManager": manager, "force": "true"})
        return self.request("PATCH", f"{path}?{query}", body, APPLY_PATCH)

    def set_finalizer(self, path: str, thing: Object, finalizer: str, present: bool) -> None:
        """Add or remove one finalizer of `thing` (at `path`); a no-op when it is as wanted."""
        finalizers = list(thing["metadata"].get("finalizers") or [])
        if (finalizer in finalizers) == present:
            return
        wanted = [*finalizers, finalizer] if present else [name for name in finalizers if name != finalizer]
        version = thing["metadata"]["resourceVersion"]
        self.patch(path, {"metadata": {"finalizers": wanted, "resourceVersion": version}})

    def delete(self, path: str) -> None:
        """Delete the object at `path`; one that is not there is fine."""
        try:
            self.request("DELETE", path)
        except KubeError as error:
            if error.status != 404:
                raise


def _decoded(what: str, status: int, data: bytes) -> Object:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = {"message": data[:200].decode(errors="replace")}
    if status >= 400:
        raise KubeError(status, f"{what}: {answer.get('message', status)}")
    result: Object = answer
    return result
