"""The HTTPS server behind one webhook Service: allows everything, and mutates as the real controller would."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.stand_in.certificates import KeyPair

LOAD_BALANCER_CLASS = "service.k8s.aws/nlb"


def review_response(path: str, review: dict[str, Any]) -> dict[str, Any]:
    """The answer to an AdmissionReview or ConversionReview sent to `path`."""
    request = review["request"]
    response: dict[str, Any]
    if review["kind"] == "ConversionReview":
        objects = [{**item, "apiVersion": request["desiredAPIVersion"]} for item in request["objects"]]
        response = {"uid": request["uid"], "convertedObjects": objects, "result": {"status": "Success"}}
    else:
        response = {"uid": request["uid"], "allowed": True}
        if patch := _patch(path, request):
            encoded = base64.b64encode(json.dumps(patch).encode()).decode()
            response |= {"patchType": "JSONPatch", "patch": encoded}
    return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}


def _patch(path: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """AWS Load Balancer Controller makes itself the owner of new load balancers by setting their class."""
    spec = (request.get("object") or {}).get("spec") or {}
    if path != "/mutate-v1-service" or spec.get("type") != "LoadBalancer" or spec.get("loadBalancerClass"):
        return []
    return [{"op": "add", "path": "/spec/loadBalancerClass", "value": LOAD_BALANCER_CLASS}]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        body = json.dumps(review_response(self.path.split("?")[0], review)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Calls are too many to log one by one."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up (the API server does while certificates change) is no event; the rest is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End the calls that are open: the API server keeps them, and would go on using a pod that is not Ready."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class AdmissionServer:
    """Listens on `address` (a loopback ClusterIP) and `port` until `stop`.

    Raises OSError when the address is not this machine's or the port is taken.
    """

    def __init__(self, address: str, port: int, pair: KeyPair) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(pair.certificate + b"\n" + pair.key)
            file.flush()
            context.load_cert_chain(file.name)
        self._server = _Server((address, port))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        name = f"webhook-{address}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name=name, daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and end the calls that are open."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
