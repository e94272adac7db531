"""The edge of the sandbox: HTTPS for an application's domain, only while the Istio gateway has ready endpoints."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import MERGE_PATCH, KubernetesApi, Object

CLUSTER, DOMAIN, NAMESPACE = "edge-test-cluster", "edge-test.example.com", "istio-system"
GATEWAY = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/istio-gateway"
LABELS = {"app": "istio-gateway", "istio": "gateway"}


class Edge:
    """A client of the edge, and the cluster behind it."""

    def __init__(self, state: StateDirectory) -> None:
        self._running = lifecycle.running_state(state) or {}
        self.variables = lifecycle.environment(state=state)
        body = {
            "account": "000000000000",
            "region": "us-west-2",
            "version": "1.34",
            "token_webhook_url": f"{self._running['aws_endpoint']}/_ministack/eks-auth/x",
        }
        endpoint = self.call("PUT", f"/clusters/{CLUSTER}", body)["endpoint"]
        nodes = [{"name": "ip-10-0-1-10.us-west-2.compute.internal", "instance_type": "m7i.xlarge"}]
        self.call("PUT", f"/clusters/{CLUSTER}/node-groups/system", {"version": "1.34", "nodes": nodes})
        self.api = KubernetesApi(endpoint, state.cluster(CLUSTER) / "certificates")

    def call(self, method: str, path: str, body: object = None) -> Any:
        return lifecycle.call(self._running["supervisor_url"], method, path, body)

    def get(self, host: str = DOMAIN, path: str = "/health", trusted: bool = True) -> tuple[int, str]:
        """Status and text, reached as `curl --resolve HOST:443:EDGE --cacert CA https://HOST/health` does."""
        context = ssl.create_default_context(cafile=self.variables["SANDBOX_CA"] if trusted else None)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        address, _, port = self.variables["SANDBOX_EDGE"].partition(":")
        with (
            socket.create_connection((address, int(port)), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            connection = http.client.HTTPConnection(host)
            connection.sock = secure
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def answers(self, status: int, seconds: float = 15) -> str:
        """The text of the answer with that status, as soon as there is one."""
        deadline = time.monotonic() + seconds
        while (found := self.get())[0] != status:
            assert time.monotonic() < deadline, f"not {status} within {seconds} s, but {found}"
            time.sleep(0.1)
        return found[1]

    def scale(self, replicas: int) -> None:
        self.api.request("PATCH", GATEWAY, {"spec": {"replicas": replicas}}, MERGE_PATCH)


def gateway() -> list[Object]:
    pod = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]}}
    metadata = {"name": "istio-gateway", "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": pod},
        },
    ]


def service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "public", "namespace": NAMESPACE},
        "spec": {"selector": LABELS, "ports": [{"port": 443}]},
    }


@pytest.fixture(scope="module")
def edge(sandbox: StateDirectory) -> Iterator[Edge]:
    edge = Edge(sandbox)
    yield edge
    edge.call("DELETE", f"/clusters/{CLUSTER}")


def test_edge_without_gateway_says_so(edge: Edge) -> None:
    """Without a pod of the gateway the edge answers 503 and says so."""
    assert edge.get() == (503, "no pod in istio-system has the label app=istio-gateway\n")


def test_edge_without_service_of_gateway_says_so(edge: Edge) -> None:
    """Where no Service selects the gateway's pods the edge answers 503 and says so."""
    edge.call("PUT", f"/clusters/{CLUSTER}/manifests", {"objects": gateway()})
    time.sleep(1)
    status, text = edge.get()
    assert status == 503
    assert text.startswith("no Service in istio-system has a ready endpoint")


def test_edge_answers_while_gateway_has_ready_endpoints(edge: Edge) -> None:
    """The edge answers for the domain and names below it while the gateway has ready endpoints."""
    edge.api.apply(service())
    assert edge.answers(200) == "Service public has ready endpoints\n"
    assert edge.get(f"grafana.{DOMAIN}")[0] == 200, "names below the domain are the gateway's, too"
    assert edge.get(path="/other")[0] == 404
    edge.scale(0)
    assert "no pod in istio-system" in edge.answers(503)
    edge.scale(1)
    edge.answers(200)


def test_edge_counts_unready_gateway_pods(edge: Edge) -> None:
    """Where the gateway's pods are not Ready the edge answers 503 and counts them."""
    crash = {
        "spec": {
            "template": {"metadata": {"annotations": {"sandbox/mode": "crash"}}},
            "strategy": {"type": "Recreate", "rollingUpdate": None},
        }
    }
    edge.api.request("PATCH", GATEWAY, crash, MERGE_PATCH)
    expected = "Service public in istio-system has no ready endpoint: 0 of 1 gateway pods are Ready\n"
    deadline = time.monotonic() + 15
    while (found := edge.get()) != (503, expected):  # the new pod has no address at first
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_edge_certificate_needs_sandbox_authority(edge: Edge) -> None:
    """The edge's certificate verifies against the sandbox's authority alone."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get local issuer"):
        edge.get(trusted=False)


@pytest.mark.parametrize("host", ["edge-other.example.com", "example.com"])
def test_edge_has_no_certificate_for_unknown_domain(edge: Edge, host: str) -> None:
    """A domain of no cluster gets no certificate."""
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        edge.get(host)
