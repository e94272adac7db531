"""A small client of one API server, as its administrator: quick to import, and all that the supervisor needs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from sandbox.errors import SandboxError

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"


class ApiError(SandboxError):
    """The API server refused a request; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubernetesApi:
    """Requests to `server` with the supervisor's client certificate from `certificates`, an administrator's.

    Thread-safe."""

    def __init__(self, server: str, certificates: Path) -> None:
        self._server = server
        self._pool = urllib3.PoolManager(
            maxsize=8,
            ca_certs=str(certificates / "ca.crt"),
            cert_file=str(certificates / "supervisor.crt"),
            key_file=str(certificates / "supervisor.key"),
            retries=False,
            timeout=urllib3.Timeout(connect=2.0, read=30.0),
        )
        self._resources: dict[tuple[str, str], Object] = {}
        self._lock = threading.Lock()

    def request(
        self, method: str, path: str, body: object = None, content_type: str = "application/json", **query: str
    ) -> Object:
        """Send one request and return the decoded answer. Raises ApiError; status 0 when there is no connection."""
        url = f"{self._server}{path}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = self._pool.request(method, url, body=data, headers={"Content-Type": content_type})
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, f"The API server at {self._server} does not answer {method} {path}: {error}") from error
        text = answer.data.decode()
        if answer.status >= 400:
            raise ApiError(answer.status, f"{method} {path} was refused with {answer.status}: {_message(text)}")
        decoded: Object = json.loads(text) if text.startswith("{") else {"text": text}
        return decoded

    def get(self, path: str, **query: str) -> Object | None:
        """The object at a path, or None where there is none. Raises ApiError."""
        try:
            return self.request("GET", path, **query)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def warning_of(self, path: str) -> str:
        """The header `Warning` of a GET, by which an API says that it is deprecated; empty where it says nothing."""
        answer = self._pool.request("GET", f"{self._server}{path}")
        return str(answer.headers.get("Warning", ""))

    def list(self, path: str, **query: str) -> list[Object]:
        """The items of a list, `labelSelector` and `fieldSelector` allowed. Raises ApiError."""
        items: list[Object] = self.request("GET", path, **query)["items"]
        return items

    def apply(self, manifest: Mapping[str, Any], field_manager: str = "eks") -> Object:
        """Server-side applies an object of any kind, taking over its fields. Raises ApiError."""
        return self.request(
            "PATCH", self.path_of(manifest), manifest, _APPLY_PATCH, fieldManager=field_manager, force="true"
        )

    def delete(self, manifest: Mapping[str, Any], grace_seconds: int | None = None) -> None:
        """Delete an object in the background; nothing happens where it does not exist. Raises ApiError."""
        grace = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        try:
            self.request("DELETE", self.path_of(manifest), {"propagationPolicy": "Background", **grace})
        except ApiError as error:
            if error.status != 404:
                raise

    def path_of(self, manifest: Mapping[str, Any]) -> str:
        """Where an object lives. Raises ApiError with 404 when its kind is unknown to the API server."""
        version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
        resource = self._resource(version, kind)
        namespace = f"/namespaces/{metadata.get('namespace', 'default')}" if resource["namespaced"] else ""
        return f"{group_path(version)}{namespace}/{resource['name']}/{metadata['name']}"

    def kinds(self, api_version: str) -> dict[str, Object]:
        """The kinds that the API server serves now in a group and version; empty where it knows no such group."""
        found = self.get(group_path(api_version)) or {"resources": []}
        return {entry["kind"]: entry for entry in found["resources"] if "/" not in entry["name"]}

    def _resource(self, api_version: str, kind: str) -> Object:
        with self._lock:
            if (api_version, kind) not in self._resources:
                kinds = self.kinds(api_version)
                if kind not in kinds:
                    raise ApiError(404, f"The API server at {self._server} knows no kind {kind} in {api_version}.")
                self._resources.update({(api_version, name): entry for name, entry in kinds.items()})
            return self._resources[api_version, kind]

    def wait_for_path(self, path: str, what: str, seconds: float) -> None:
        """Poll until a GET of `path` succeeds. Raises SandboxError with the last reason after `seconds`."""
        deadline, reason = time.monotonic() + seconds, "no answer yet"
        while time.monotonic() < deadline:
            try:
                self.request("GET", path)
                return
            except ApiError as error:
                reason = str(error)
            time.sleep(0.05)
        raise SandboxError(f"{what} was not there within {seconds:g} s: {reason}")


def group_path(api_version: str) -> str:
    """The root of a group's paths: `/api/v1` for the core, `/apis/GROUP/VERSION` for the others."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _message(text: str) -> str:
    try:
        return str(json.loads(text).get("message", text))
    except ValueError:
        return text.strip()[-500:]
