"""Client of the sandbox supervisor, which owns the control planes that stand behind EKS clusters."""

import json
import urllib.error
import urllib.request
from functools import lru_cache
from typing import Any

from .settings import settings

# Seconds; a control plane takes about 4, an upgrade on a busy machine much longer.
REQUEST_TIMEOUT = 180.0


class SupervisorError(RuntimeError):
    """The supervisor refused a request or cannot be reached; the message says which and why. `node`: the one whose pods
    a disruption budget keeps."""

    def __init__(self, message: str, status: int = 0, node: str = "") -> None:
        super().__init__(message)
        self.status, self.node = status, node


class SupervisorClient:
    """The supervisor's HTTP interface at `base_url` (loopback, JSON)."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to PUT. Raises SupervisorError."""
        return self._request("PUT", path, body)

    def get(self, path: str) -> dict[str, Any]:
        """The answer to GET. Raises SupervisorError."""
        return self._request("GET", path, None)

    def delete(self, path: str) -> None:
        """DELETE; what does not exist counts as deleted. Raises SupervisorError."""
        try:
            self._request("DELETE", path, None)
        except SupervisorError as failure:
            if failure.status != 404:
                raise

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._base_url + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT) as response:
                answer = json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as failure:
            detail = failure.read().decode(errors="replace")
            message = f"The supervisor answered {failure.code} to {method} {path}: {detail[:500]}"
            node = json.loads(detail)["node"] if failure.code == 409 else ""
            raise SupervisorError(message, failure.code, node) from failure
        except OSError as failure:
            raise SupervisorError(f"The supervisor does not answer {method} {path}: {failure}") from failure
        return answer if isinstance(answer, dict) else {}


@lru_cache(maxsize=1)
def supervisor() -> SupervisorClient | None:
    """The supervisor of this sandbox, or None when there is none."""
    return SupervisorClient(settings().supervisor_url) if settings().supervisor_url else None
