"""The edge of the sandbox: HTTPS for an application's domain, only while the Istio gateway has ready endpoints."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import pytest

from sandbox import lifecycle
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import MERGE_PATCH, Object
from tests.helpers.waiting import eventually
from tests.sandbox.supervised_cluster import SupervisedCluster

CLUSTER, DOMAIN, NAMESPACE = "edge-test-cluster", "edge-test.example.com", "istio-system"
GATEWAY = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/istio-gateway"
LABELS = {"app": "istio-gateway", "istio": "gateway"}


class Edge(SupervisedCluster):
    """A client of the edge, and the cluster behind it."""

    def __init__(self, state: StateDirectory) -> None:
        super().__init__(state, CLUSTER)
        self.variables = lifecycle.environment_variables(state=state)

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

    def answers(self, status: int, text: str) -> None:
        """Wait until the edge answers with that status, and a text that begins so."""

        def answered() -> bool:
            answer = self.get()
            return answer[0] == status and answer[1].startswith(text)

        eventually(f"the edge answers {status} {text}", answered, 15)

    def scale(self, replicas: int) -> None:
        self.api.request("PATCH", GATEWAY, {"spec": {"replicas": replicas}}, MERGE_PATCH)


def gateway(*, annotations: dict[str, str]) -> list[Object]:
    """The gateway's namespace, and a Deployment of it that replaces its pod at once."""
    metadata = {"labels": LABELS, "annotations": annotations}
    pod = {"metadata": metadata, "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "strategy": {"type": "Recreate"}, "template": pod}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "istio-gateway", "namespace": NAMESPACE},
            "spec": spec,
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
def cluster(sandbox: StateDirectory) -> Iterator[Edge]:
    edge = Edge(sandbox)
    yield edge
    edge.delete()


@pytest.fixture
def edge(cluster: Edge) -> Edge:
    """The edge before a cluster without a gateway."""
    cluster.api.delete(service())
    cluster.api.delete(gateway(annotations={})[1])
    cluster.answers(503, "no pod in istio-system")
    return cluster


def test_edge_without_gateway_says_so(edge: Edge) -> None:
    """Without a pod of the gateway the edge answers 503 and says so."""
    assert edge.get() == (503, "no pod in istio-system has the label app=istio-gateway\n")


def test_edge_without_service_of_gateway_says_so(edge: Edge) -> None:
    """Where no Service selects the gateway's pods the edge answers 503 and says so."""
    edge.put_manifests(*gateway(annotations={}))
    edge.answers(503, "no Service in istio-system has a ready endpoint")


def test_edge_answers_while_gateway_has_ready_endpoints(edge: Edge) -> None:
    """The edge answers for the domain and names below it while the gateway has ready endpoints."""
    edge.put_manifests(*gateway(annotations={}), service())
    edge.answers(200, "Service public has ready endpoints\n")
    assert edge.get(f"grafana.{DOMAIN}")[0] == 200, "names below the domain are the gateway's, too"
    assert edge.get(path="/other")[0] == 404
    edge.scale(0)
    edge.answers(503, "no pod in istio-system")
    edge.scale(1)
    edge.answers(200, "Service public has ready endpoints\n")


def test_edge_counts_unready_gateway_pods(edge: Edge) -> None:
    """Where the gateway's pods are not Ready the edge answers 503 and counts them."""
    edge.put_manifests(*gateway(annotations={"sandbox/mode": "crash"}), service())
    edge.answers(503, "Service public in istio-system has no ready endpoint: 0 of 1 gateway pods are Ready\n")


def test_edge_certificate_needs_sandbox_authority(edge: Edge) -> None:
    """The edge's certificate verifies against the sandbox's authority alone."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get local issuer"):
        edge.get(trusted=False)


@pytest.mark.parametrize("host", ["edge-other.example.com", "example.com"])
def test_edge_has_no_certificate_for_unknown_domain(edge: Edge, host: str) -> None:
    """A domain of no cluster gets no certificate."""
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        edge.get(host)
