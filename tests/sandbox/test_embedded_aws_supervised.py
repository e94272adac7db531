"""Contract between the embedded AWS and the supervisor, against a stand-in for the latter."""

from __future__ import annotations

import json
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.embedded_aws_server import Aws, cluster, node_group, prepare, read, resource, wait_for


@dataclass
class FakeSupervisor:
    """Records what the embedded AWS asks of the supervisor, and answers as it would."""

    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    let_clusters_start: threading.Event = field(default_factory=threading.Event)
    unready: set[str] = field(default_factory=set)
    deprecated: list[dict[str, str]] | None = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append((method, path, body))
        if path == "/clusters/broken":
            return 500, {"error": "no room for a control plane"}
        if method == "PUT" and path.count("/") == 2:
            self.let_clusters_start.wait(10)
            return 200, {"endpoint": "https://127.0.0.1:6443", "certificate_authority_data": "Y2E="}
        if path.endswith("/deprecated-apis"):
            return (200, {"apis": self.deprecated}) if self.deprecated is not None else (500, {"error": "no answer"})
        if method == "GET":
            return 200, {"ready": path.rsplit("/", 1)[-1] not in self.unready, "detail": "0 of 2 replicas"}
        return 200, {}

    def sent(self, method: str, path: str) -> dict[str, Any]:
        """The body of the last such request."""
        return next(body for verb, where, body in reversed(self.requests) if (verb, where) == (method, path))


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[tuple[Aws, FakeSupervisor]]:
    fake = FakeSupervisor()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = fake.answer(self.command, self.path, json.loads(raw or b"{}"))
            encoded = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_PUT = do_GET = do_DELETE = _serve

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests print what they need."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{http.server_port}"
    server = Aws(tmp_path, supervisor_url=fake.url).start()
    yield server, fake
    fake.let_clusters_start.set()
    server.stop()
    http.shutdown()
    http.server_close()


def check_audit_log(aws: Aws, url: str) -> None:
    """Events are kept while the cluster's logging has `audit`, under the names that EKS gives group and stream, and
    taken only from who knows the cluster's secret."""

    def send(name: str, to: str = url) -> int:
        event = {"verb": "patch", "objectRef": {"resource": "configmaps", "name": name}}
        request = urllib.request.Request(to, json.dumps({"kind": "EventList", "items": [event]}).encode())
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                status: int = response.status
        except urllib.error.HTTPError as refusal:
            return refusal.code
        return status

    assert send("before") == 200
    setup = {"clusterLogging": [{"types": ["audit"], "enabled": True}]}
    aws.client("eks").update_cluster_config(name="demo", logging=setup)
    assert (send("after"), send("forged", url[:-1])) == (200, 403)
    logs = aws.client("logs").filter_log_events(logGroupName="/aws/eks/demo/cluster")["events"]
    assert [json.loads(event["message"])["objectRef"]["name"] for event in logs] == ["after"]
    assert logs[0]["logStreamName"].startswith("kube-apiserver-audit-")


def test_eks_follows_supervisor(
    supervised: tuple[Aws, FakeSupervisor],
) -> None:
    """Clusters, node groups, access entries and add-ons are what the supervisor makes of them."""
    aws, fake = supervised
    eks, values = aws.client("eks"), prepare(aws)
    fake.unready = {"coredns"}
    request = {
        "roleArn": values["role"],
        "resourcesVpcConfig": {"subnetIds": [values["A"], values["B"]]},
        "accessConfig": {"authenticationMode": "API"},
    }
    assert eks.create_cluster(name="demo", version="1.34", **request)["cluster"]["status"] == "CREATING"
    assert eks.describe_cluster(name="demo")["cluster"]["status"] == "CREATING"
    fake.let_clusters_start.set()
    wait_for(lambda: eks.describe_cluster(name="demo")["cluster"]["status"] == "ACTIVE", "The cluster")
    assert eks.describe_cluster(name="demo")["cluster"]["endpoint"] == "https://127.0.0.1:6443"
    asked = fake.sent("PUT", "/clusters/demo")
    assert (asked["version"], asked["account"], asked["region"]) == ("1.34", "000000000000", "us-west-2")
    review = json.dumps({"kind": "TokenReview", "spec": {"token": "k8s-aws-v1.nothing"}}).encode()
    with urllib.request.urlopen(asked["token_webhook_url"], data=review, timeout=5) as response:
        assert json.load(response)["status"] == {"authenticated": False}
    check_audit_log(aws, asked["token_webhook_url"].replace("/eks-auth/", "/eks-audit/"))

    workload = {
        "Workers": node_group(values),
        "Entry": resource(
            "EKS::AccessEntry",
            ClusterName="demo",
            PrincipalArn=values["node_role"],
            AccessPolicies=[
                {
                    "PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                    "AccessScope": {"Type": "cluster"},
                }
            ],
        ),
    }
    aws.deploy("workload", workload)
    nodes = fake.sent("PUT", "/clusters/demo/node-groups/workers")["nodes"]
    assert [node["zone"] for node in nodes] == ["us-west-2a", "us-west-2b"]
    assert nodes[0]["name"].endswith(".us-west-2.compute.internal")
    assert nodes[0]["gpus"] == 1
    assert nodes[0]["labels"]["eks.amazonaws.com/nodegroup"] == "workers"
    assert nodes[0]["taints"] == [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    bindings = [
        item
        for item in fake.sent("PUT", "/clusters/demo/manifests")["objects"]
        if item["kind"] == "ClusterRoleBinding" and item["subjects"]
    ]
    assert {item["roleRef"]["name"] for item in bindings} == {"ministack-eks-amazoneksclusteradminpolicy"}

    failed = aws.execute(aws.change("dns", {"Dns": resource("EKS::Addon", ClusterName="demo", AddonName="coredns")}))
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("desired number of replicas" in reason for reason in aws.failures("dns"))
    assert eks.list_addons(clusterName="demo")["addons"] == [], "the rollback left the failed add-on behind"

    eks.create_cluster(name="broken", **request)
    wait_for(lambda: eks.describe_cluster(name="broken")["cluster"]["status"] == "FAILED", "The failure")
    (issue,) = eks.describe_cluster(name="broken")["cluster"]["health"]["issues"]
    assert "no room for a control plane" in issue["message"]


def test_insight_says_which_removed_apis_the_api_server_was_asked_for(
    supervised: tuple[Aws, FakeSupervisor],
) -> None:
    """Those that go with the next version, and UNKNOWN where nobody can tell."""
    aws, fake = supervised
    fake.let_clusters_start.set()
    aws.deploy("demo", {"Cluster": cluster("demo", prepare(aws))})
    api = {"group": "flowcontrol.apiserver.k8s.io", "version": "v1beta3", "resource": "flowschemas", "subresource": ""}
    eks = aws.client("eks")

    def look() -> dict[str, Any]:
        insights = eks.list_insights(clusterName="demo", filter={"categories": ["UPGRADE_READINESS"]})["insights"]
        (found,) = (one for one in insights if one["name"] == "Deprecated APIs removed in Kubernetes v1.35")
        insight: dict[str, Any] = eks.describe_insight(clusterName="demo", id=found["id"])["insight"]
        return insight

    fake.deprecated = [{**api, "removed_release": "1.36"}]
    assert look()["insightStatus"]["status"] == "PASSING"
    fake.deprecated = [{**api, "removed_release": "1.35"}]
    error = look()
    (detail,) = error["categorySpecificSummary"]["deprecationDetails"]
    assert error["insightStatus"]["status"] == "ERROR"
    assert detail["usage"] == "/apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas"
    assert detail["stopServingVersion"] == "1.35"
    fake.deprecated = None
    assert look()["insightStatus"]["status"] == "UNKNOWN"


def test_stack_killed_while_cluster_starts_can_be_deleted(supervised: tuple[Aws, FakeSupervisor]) -> None:
    """A stack whose process was killed while its cluster started is CREATE_FAILED and can be deleted."""
    aws, fake = supervised
    values = prepare(aws)
    change = aws.change("demo", {"Cluster": cluster("demo", values)})
    cloudformation, eks = aws.client("cloudformation"), aws.client("eks")
    cloudformation.execute_change_set(ChangeSetName=change["ChangeSetId"])
    state = aws.folder / "state"
    wait_for(lambda: "CREATING" in read(state / "eks.json"), "Saving the cluster")
    wait_for(lambda: "CREATE_IN_PROGRESS" in read(state / "cloudformation.json"), "Saving the stack")
    aws.stop(signal.SIGKILL)
    fake.let_clusters_start.set()
    aws.start()
    (stack,) = cloudformation.describe_stacks(StackName="demo")["Stacks"]
    assert stack["StackStatus"] == "CREATE_FAILED"
    wait_for(lambda: eks.describe_cluster(name="demo")["cluster"]["status"] == "ACTIVE", "The cluster")
    cloudformation.delete_stack(StackName="demo")
    wait_for(lambda: eks.list_clusters()["clusters"] == [], "The deletion")
    assert ("DELETE", "/clusters/demo", {}) in fake.requests
