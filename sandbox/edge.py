"""The edge: what answers on the Internet for the applications' domains, as load balancer and Istio gateway do in AWS.

One HTTPS server on loopback for all clusters, with certificates of the sandbox's own authority. A cluster
`<prefix>-cluster` has the names `<prefix>.<zone>` and those below. Clients reach it as `curl --resolve` does.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from resources.config.names import cluster_name
from sandbox.errors import SandboxError
from sandbox.plane.argo_cd.controllers import is_ready
from sandbox.plane.certificates import Authority, Identity
from sandbox.plane.kubernetes_api import KubernetesApi, Object

log = logging.getLogger(__name__)

NAMESPACE, GATEWAY_LABEL = "istio-system", "app=istio-gateway"
SERVICE_LABEL = "kubernetes.io/service-name"
CLIENT_SECONDS = 10.0
_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")

Find = Callable[[str], KubernetesApi | None]


class Edge:
    """The server. `find` gives the API of the cluster of a name (`demo-test-cluster`), None where there is none."""

    def __init__(self, port: int, directory: Path, find: Find) -> None:
        self.address = f"127.0.0.1:{port}"
        self.authority_file = directory / "ca.crt"
        self._directory, self._port, self._find = directory, port, find
        self._authority = Authority(directory, "ca")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Start to answer, in threads. Raises SandboxError when the port is taken."""

        class Handler(_Handler):
            edge = self

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._choose
        try:
            server = _Server(("127.0.0.1", self._port), Handler)
        except OSError as error:
            raise SandboxError(f"The sandbox's edge cannot listen on {self.address}: {error.strerror}.") from error
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.1,), name="edge", daemon=True).start()
        self._server = server

    def stop(self) -> None:
        """Stop answering; nothing happens where it does not run."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, host: str, path: str) -> tuple[HTTPStatus, str]:
        """Status and text for a GET: 200 for /health only while a gateway Service has a ready endpoint."""
        api = self._cluster_of(host)
        if api is None:
            return HTTPStatus.NOT_FOUND, f"no cluster of the sandbox serves {host}"
        try:
            ready, reason = gateway_health(api)
        except SandboxError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"the cluster does not answer: {error}"
        if not ready:
            return HTTPStatus.SERVICE_UNAVAILABLE, reason
        if path.partition("?")[0] != "/health":
            return HTTPStatus.NOT_FOUND, f"the sandbox's gateway serves /health only, not {path}"
        return HTTPStatus.OK, reason

    def _cluster_of(self, host: str) -> KubernetesApi | None:
        """The cluster whose prefix is the first or second label of the name: ACM's `<domain>` and `*.<domain>`."""
        clusters = (self._find(cluster_name(label)) for label in host.lower().split(".")[:2])
        return next((api for api in clusters if api is not None), None)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, host: str | None, _: ssl.SSLContext) -> int | None:
        """Present a certificate for the name that the client asks for, or an alert where there is no such name."""
        host = (host or "").lower()
        if not _HOST.fullmatch(host) or self._cluster_of(host) is None:
            return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._context(host)
        connection.context = self._contexts[host]
        return None

    def _context(self, host: str) -> ssl.SSLContext:
        # The name is in the subject alternative names alone: a common name takes 64 characters only.
        self._authority.ensure(host, Identity("sandbox edge", addresses=(host,)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._directory / f"{host}.crt", self._directory / f"{host}.key")
        return context


def gateway_health(api: KubernetesApi) -> tuple[bool, str]:
    """Whether a Service of the Istio gateway has a ready endpoint, and what is there. Raises ApiError."""
    found = api.list(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=GATEWAY_LABEL)
    pods = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    if not pods:
        return False, f"no pod in {NAMESPACE} has the label {GATEWAY_LABEL}"
    names = {pod["metadata"]["name"] for pod in pods}
    slices = api.list(f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices")
    endpoints = [
        (part["metadata"].get("labels", {}).get(SERVICE_LABEL, ""), endpoint)
        for part in slices
        for endpoint in part.get("endpoints") or []
        if _pod_name(endpoint) in names
    ]
    serving = {service for service, endpoint in endpoints if (endpoint.get("conditions") or {}).get("ready")}
    if serving:
        return True, f"Service {', '.join(sorted(serving))} has ready endpoints"
    ready = sum(is_ready(pod) for pod in pods)
    services = ", ".join(sorted({service for service, _ in endpoints}))
    subject = f"Service {services} in {NAMESPACE} has no" if services else f"no Service in {NAMESPACE} has a"
    return False, f"{subject} ready endpoint: {ready} of {len(pods)} gateway pods are Ready"


def _pod_name(endpoint: Object) -> str:
    name: str = (endpoint.get("targetRef") or {}).get("name", "")
    return name


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses our certificate, or hangs up, is told so by TLS; the log gets one line."""
        log.info("edge: a request from %s failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    edge: Edge
    timeout = CLIENT_SECONDS

    def do_GET(self) -> None:
        host = (self.headers.get("Host") or "").partition(":")[0]
        status, text = self.edge.answer(host, self.path)
        content = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Probes come every few seconds; what they see is in their own logs."""
