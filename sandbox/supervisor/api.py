"""The supervisor's HTTP API, for the embedded AWS, the command line and tests; loopback only, JSON both ways.

| Request | Body | Answer |
|---|---|---|
| GET /status | | what runs |
| POST /down | | 202; everything stops |
| PUT /options | pod_seconds, delays (each may be absent) | 200 |
| POST /snapshot | | 200; a copy of the state is in the snapshots' draft |
| POST /restore | | 200; what lay ready is the state (sandbox/snapshots/contents.py) |
| PUT, GET, DELETE /clusters/NAME | account, region, version, token_webhook_url | endpoint, certificate_authority_data |
| PUT, DELETE /clusters/NAME/node-groups/GROUP | version, nodes, force | 200; 409 with `node` |
| PUT, GET, DELETE /clusters/NAME/addons/ADDON | version, configuration | ready, detail |
| PUT, DELETE /clusters/NAME/manifests | objects | 200 |
| GET /clusters/NAME/namespaces | | namespaces |
| GET /clusters/NAME/deprecated-apis | | apis: of each its labels in the API server's metrics |

A failure is {"error": sentence} with 400 (cannot be), 404 (no such thing), 409 (a disruption budget is in the way) or
500.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from resources.kubernetes.metrics import DEPRECATED_APIS, list_samples
from sandbox.errors import EvictionRefused, InvalidRequest, SandboxError, UnknownName
from sandbox.supervisor.supervisor import Supervisor

log = logging.getLogger(__name__)

Body = dict[str, Any]
Route = Callable[[Supervisor, Body, list[str]], object]


def _status(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    return supervisor.status()


def _down(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.stopping.set()
    return {}


def _snapshot(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.copy_state()
    return {}


def _restore(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.restore()
    return {}


def _options(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    if "pod_seconds" in body:
        supervisor.set_pod_seconds(float(body["pod_seconds"]))
    if "delays" in body:
        supervisor.set_delays({kind: float(seconds) for kind, seconds in body["delays"].items()})
    return {}


def _put_cluster(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    return supervisor.put_cluster(names[0], body["account"], body["region"], body["version"], body["token_webhook_url"])


def _get_cluster(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    return supervisor.cluster(names[0]).describe()


def _delete_cluster(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.delete_cluster(names[0])
    return {}


def _put_node_group(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    force = bool(body.get("force", True))
    supervisor.cluster(names[0]).apply_node_group(names[1], body["version"], body["nodes"], force=force)
    return {}


def _delete_node_group(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.cluster(names[0]).remove_node_group(names[1])
    return {}


def _put_addon(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.cluster(names[0]).apply_addon(names[1], body["version"], body.get("configuration") or {})
    return {}


def _get_addon(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    ready, detail = supervisor.cluster(names[0]).addon_health(names[1])
    return {"ready": ready, "detail": detail}


def _delete_addon(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.cluster(names[0]).remove_addon(names[1])
    return {}


def _put_manifests(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.cluster(names[0]).apply(body["objects"])
    return {}


def _delete_manifests(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    supervisor.cluster(names[0]).remove(body["objects"])
    return {}


def _get_namespaces(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    return {"namespaces": supervisor.cluster(names[0]).namespaces()}


def _get_deprecated_apis(supervisor: Supervisor, body: Body, names: list[str]) -> object:
    metrics = supervisor.cluster(names[0]).api.request("GET", "/metrics")["text"]
    return {"apis": list(list_samples(metrics, DEPRECATED_APIS))}


_NAME = r"([^/]+)"
_ROUTES: list[tuple[str, str, Route]] = [
    ("GET", "/status", _status),
    ("POST", "/down", _down),
    ("POST", "/snapshot", _snapshot),
    ("POST", "/restore", _restore),
    ("PUT", "/options", _options),
    ("PUT", f"/clusters/{_NAME}", _put_cluster),
    ("GET", f"/clusters/{_NAME}", _get_cluster),
    ("DELETE", f"/clusters/{_NAME}", _delete_cluster),
    ("PUT", f"/clusters/{_NAME}/node-groups/{_NAME}", _put_node_group),
    ("DELETE", f"/clusters/{_NAME}/node-groups/{_NAME}", _delete_node_group),
    ("PUT", f"/clusters/{_NAME}/addons/{_NAME}", _put_addon),
    ("GET", f"/clusters/{_NAME}/addons/{_NAME}", _get_addon),
    ("DELETE", f"/clusters/{_NAME}/addons/{_NAME}", _delete_addon),
    ("PUT", f"/clusters/{_NAME}/manifests", _put_manifests),
    ("DELETE", f"/clusters/{_NAME}/manifests", _delete_manifests),
    ("GET", f"/clusters/{_NAME}/namespaces", _get_namespaces),
    ("GET", f"/clusters/{_NAME}/deprecated-apis", _get_deprecated_apis),
]


def serve(supervisor: Supervisor, port: int) -> ThreadingHTTPServer:
    """Start to answer on a loopback port, in threads. Raises OSError when the port is taken."""

    class Handler(_Handler):
        owner = supervisor

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    owner: Supervisor
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        try:
            if self.headers.get("Origin"):  # no web page may steer the sandbox
                raise InvalidRequest("The supervisor answers programs on this machine only, not browsers.")
            self._reply(HTTPStatus.OK, self._dispatch(json.loads(text) if text else {}))
        except InvalidRequest as error:
            self._fail(HTTPStatus.BAD_REQUEST, error)
        except (KeyError, ValueError, TypeError) as error:
            log.warning("%s %s", self.command, self.path, exc_info=error)
            self._fail(HTTPStatus.BAD_REQUEST, _malformed(error))
        except UnknownName as error:
            self._fail(HTTPStatus.NOT_FOUND, error)
        except EvictionRefused as error:
            self._fail(HTTPStatus.CONFLICT, error, node=error.node)
        except SandboxError as error:
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, error)

    do_GET = do_PUT = do_POST = do_DELETE = _answer

    def _dispatch(self, body: Body) -> object:
        for method, pattern, route in _ROUTES:
            if method == self.command and (found := re.fullmatch(pattern, self.path)):
                return route(self.owner, body, [unquote(name) for name in found.groups()])
        raise UnknownName(f"The supervisor has no {self.command} {self.path}; see sandbox/supervisor/api.py.")

    def _fail(self, status: HTTPStatus, error: Exception, **more: str) -> None:
        log.warning("%s %s failed with %d: %s", self.command, self.path, status, error)
        self._reply(status, {"error": str(error), **more})

    def _reply(self, status: HTTPStatus, content: object) -> None:
        encoded = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *arguments: object) -> None:
        """Only failures are logged, by `_fail`; polling would drown them."""


def _malformed(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"The request's JSON is not what the supervisor expects: {type(error).__name__}: {error}")
