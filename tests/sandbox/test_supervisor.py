"""The sandbox as a whole: it comes up, carries clusters, survives being stopped and being killed, and leaves nothing.

One sandbox with one cluster serves all tests, in the order in which they stand: one for each would take minutes.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.errors import SandboxError, UnknownName
from sandbox.lifecycle import Options
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import KubernetesApi
from sandbox.processes.supervised import leftovers

CLUSTER = "demo-test-cluster"
NODES: list[dict[str, Any]] = [
    {
        "name": "ip-10-0-1-10.us-west-2.compute.internal",
        "instance_type": "m7i.xlarge",
        "zone": "us-west-2a",
        "labels": {"role": "system"},
    },
    {
        "name": "ip-10-0-2-11.us-west-2.compute.internal",
        "instance_type": "p5.48xlarge",
        "zone": "us-west-2b",
        "gpus": 8,
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
    },
]


class Sandbox:
    """The sandbox under test, and its cluster's API server."""

    def __init__(self, root: Path) -> None:
        self.state = StateDirectory(root)
        self.running: dict[str, Any] = {}
        self.endpoint = ""

    def up(self) -> None:
        self.running = lifecycle.up(Options(pod_seconds=0, state=self.state))

    def process_ids(self) -> dict[str, int]:
        return {process["name"]: process["pid"] for process in lifecycle.status(self.state)["processes"]}

    def put_cluster(self, version: str = "1.34") -> str:
        body = {
            "account": "000000000000",
            "region": "us-west-2",
            "version": version,
            "token_webhook_url": f"{self.running['aws_endpoint']}/_ministack/eks-auth/x",
        }
        self.endpoint = self.call("PUT", f"/clusters/{CLUSTER}", body)["endpoint"]
        return self.endpoint

    def call(self, method: str, path: str, body: object = None) -> Any:
        return lifecycle.call(self.running["supervisor_url"], method, path, body)

    @property
    def api(self) -> KubernetesApi:
        return KubernetesApi(self.endpoint, self.state.cluster(CLUSTER) / "certificates")

    def pod(self, name: str) -> dict[str, Any]:
        return self.api.get(f"/api/v1/namespaces/default/pods/{name}") or {}

    def create_pod(self, name: str, image: str = "web:1", **annotations: str) -> None:
        metadata = {"name": name, "namespace": "default", "annotations": annotations}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": [{"name": "web", "image": image}]},
        }
        self.call("PUT", f"/clusters/{CLUSTER}/manifests", {"objects": [pod]})


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.up()
    sandbox.put_cluster()
    yield sandbox
    lifecycle.reset(sandbox.state)
    assert not sandbox.state.root.exists()


def eventually(what: str, condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def waiting(pod: dict[str, Any]) -> dict[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    state: dict[str, Any] = statuses[0]["state"].get("waiting", {}) if statuses else {}
    return state


def processes_of(root: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(root) in command:
                found.append(command)
    return found


def test_up_of_running_sandbox_changes_nothing(sandbox: Sandbox) -> None:
    """`up` of a running sandbox changes nothing; the status shows what runs, and the state file where."""
    before = sandbox.process_ids()
    sandbox.up()
    assert sandbox.process_ids() == before, "up of a running sandbox has nothing to do"
    found = lifecycle.status(sandbox.state)
    names = {process["name"] for process in found["processes"]}
    assert {"supervisor", "registry", f"{CLUSTER}/kube-apiserver", f"{CLUSTER}/kwok"} <= names
    assert found["ready"]
    assert found["memory_bytes"] > 100 * 2**20
    written = json.loads(sandbox.state.state.read_text())
    assert written["variables"]["SANDBOX_REGISTRY"] == written["registry"]


def test_environment_points_at_cluster_and_tools(sandbox: Sandbox) -> None:
    """The variables point at the only cluster and the AWS endpoint, and put the tools first on PATH."""
    variables = lifecycle.environment(state=sandbox.state)
    assert variables["KUBECONFIG"] == str(sandbox.state.cluster(CLUSTER) / "admin.kubeconfig")
    assert (Path(variables["PATH"].split(os.pathsep)[0]) / "kubectl").exists()
    assert variables["AWS_ENDPOINT_URL"] == sandbox.running["aws_endpoint"]
    with pytest.raises(UnknownName, match="nowhere"):
        lifecycle.environment("nowhere", sandbox.state)


def test_putting_cluster_again_changes_nothing(sandbox: Sandbox) -> None:
    """Putting the same cluster again starts no process and keeps its address."""
    before = sandbox.endpoint, sandbox.process_ids()
    sandbox.put_cluster()
    assert (sandbox.endpoint, sandbox.process_ids()) == before


def test_api_server_refuses_anonymous_callers(sandbox: Sandbox) -> None:
    """The API server refuses a caller without credentials."""
    authority = sandbox.state.cluster(CLUSTER) / "certificates" / "ca.crt"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{sandbox.endpoint}/version", context=ssl.create_default_context(cafile=authority))
    assert refused.value.code == 401
    refused.value.close()


@pytest.mark.parametrize(("version", "reason"), [("1.33", "1.34 to 1.37"), ("latest", "1.34 to 1.37")])
def test_unsupported_cluster_version_is_refused(sandbox: Sandbox, version: str, reason: str) -> None:
    """A version that the sandbox does not have is refused with those it has."""
    with pytest.raises(SandboxError, match=reason):
        sandbox.put_cluster(version)


def test_node_group_has_exactly_its_nodes(sandbox: Sandbox) -> None:
    """A node group has the nodes of the last request, with capacity, address, version and taints."""
    path = f"/clusters/{CLUSTER}/node-groups/system"
    extra = {"name": "ip-10-0-3-12.us-west-2.compute.internal"}
    sandbox.call("PUT", path, {"version": "1.34", "nodes": [*NODES, extra]})
    sandbox.call("PUT", path, {"version": "1.34", "nodes": NODES})

    def ready() -> list[str]:
        nodes = sandbox.api.list("/api/v1/nodes", labelSelector="eks.amazonaws.com/nodegroup=system")
        return [
            node["metadata"]["name"]
            for node in nodes
            if any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node.get("status", {}).get("conditions", [])
            )
        ]

    eventually("both nodes are Ready", lambda: sorted(ready()) == [node["name"] for node in NODES])
    gpu = sandbox.api.get(f"/api/v1/nodes/{NODES[1]['name']}") or {}
    assert gpu["status"]["capacity"]["nvidia.com/gpu"] == "8"
    assert gpu["status"]["addresses"][0] == {"type": "InternalIP", "address": "10.0.2.11"}
    assert gpu["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.34")
    assert {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"} in gpu["spec"]["taints"]


@pytest.mark.parametrize("addon", ["vpc-cni", "coredns", "aws-ebs-csi-driver"])
def test_addon_becomes_ready(sandbox: Sandbox, addon: str) -> None:
    """An EKS add-on becomes ready."""
    path = f"/clusters/{CLUSTER}/addons/{addon}"
    sandbox.call("PUT", path, {"version": "v1.20.4-eksbuild.1", "configuration": None})
    eventually(f"{addon} is ready", lambda: bool(sandbox.call("GET", path)["ready"]))


def test_addon_with_crashing_pods_is_not_ready(sandbox: Sandbox) -> None:
    """An add-on whose pods crash is not ready and counts its pods; a deleted one does not exist."""
    path = f"/clusters/{CLUSTER}/addons/metrics-server"
    broken = {"podAnnotations": {"sandbox/mode": "crash"}}
    sandbox.call("PUT", path, {"version": "v0.8.0-eksbuild.1", "configuration": broken})
    eventually("it is seen", lambda: "0 of 2 pods available" in sandbox.call("GET", path)["detail"])
    assert not sandbox.call("GET", path)["ready"]
    sandbox.call("DELETE", path)
    assert "does not exist" in sandbox.call("GET", path)["detail"]


def test_crashing_pod_looks_as_from_kubelet_and_recovers(sandbox: Sandbox) -> None:
    """A crashing pod has the status that a kubelet writes, and recovers."""
    sandbox.create_pod("crash", **{"sandbox/mode": "crash"})
    eventually("it crash-loops", lambda: waiting(sandbox.pod("crash")).get("reason") == "CrashLoopBackOff")
    pod = sandbox.pod("crash")
    container = pod["status"]["containerStatuses"][0]
    assert container["restartCount"] >= 1
    assert container["lastState"]["terminated"]["exitCode"] == 1
    identity = f"container=web pod=crash_default({pod['metadata']['uid']})"
    assert container["state"]["waiting"]["message"] == f"back-off 10s restarting failed {identity}"
    sandbox.create_pod("crash", **{"sandbox/mode": ""})
    eventually("it runs", lambda: sandbox.pod("crash")["status"]["containerStatuses"][0]["ready"])


def test_missing_image_cannot_be_pulled(sandbox: Sandbox) -> None:
    """A pod with an image that does not exist waits in ImagePullBackOff."""
    sandbox.create_pod("image", "web-does-not-exist:1")
    eventually("it waits", lambda: waiting(sandbox.pod("image")).get("reason") == "ImagePullBackOff")
    pod = sandbox.pod("image")
    assert pod["status"]["phase"] == "Pending"
    assert 'Back-off pulling image "web-does-not-exist:1"' in waiting(pod)["message"]


def test_ready_delay_holds_pod_back(sandbox: Sandbox) -> None:
    """A pod with a ready-delay starts that much later, while others start at once."""
    sandbox.create_pod("slow", **{"sandbox/ready-delay": "3s"})
    sandbox.create_pod("quick")
    eventually("the other runs", lambda: sandbox.pod("quick")["status"]["phase"] == "Running", 2.5)
    assert sandbox.pod("slow")["status"]["phase"] == "Pending"
    eventually("it runs", lambda: sandbox.pod("slow")["status"]["phase"] == "Running")


def test_up_changes_options_of_running_sandbox(sandbox: Sandbox) -> None:
    """`up` with other options changes the delays of a running sandbox."""
    lifecycle.up(Options(pod_seconds=3, state=sandbox.state))
    sandbox.create_pod("slower")
    time.sleep(1)
    assert sandbox.pod("slower")["status"]["phase"] == "Pending"
    lifecycle.up(Options(pod_seconds=0, delays={"AWS::EKS::Cluster": 1}, state=sandbox.state))
    assert json.loads(sandbox.state.delays.read_text()) == {"AWS::EKS::Cluster": 1}
    assert all(process["healthy"] for process in lifecycle.status(sandbox.state)["processes"])


def test_custom_resource_becomes_ready_after_late_definition(sandbox: Sandbox) -> None:
    """A custom resource becomes Ready although its definition came after the start."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": schema}
    names = {"kind": "NodePool", "plural": "nodepools", "singular": "nodepool"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "nodepools.karpenter.sh"},
        "spec": {"group": "karpenter.sh", "scope": "Cluster", "names": names, "versions": [version]},
    }
    sandbox.api.apply(definition)
    pool = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "general"}, "spec": {}}
    eventually("the kind is served", lambda: "NodePool" in sandbox.api.kinds("karpenter.sh/v1"))
    sandbox.call("PUT", f"/clusters/{CLUSTER}/manifests", {"objects": [pool]})

    def conditions() -> list[dict[str, Any]]:
        live = sandbox.api.get("/apis/karpenter.sh/v1/nodepools/general") or {}
        found: list[dict[str, Any]] = live.get("status", {}).get("conditions", [])
        return found

    eventually("it is Ready", lambda: any(c["type"] == "Ready" and c["status"] == "True" for c in conditions()))


def test_killed_child_process_is_restarted(sandbox: Sandbox) -> None:
    """A child process that dies is restarted, counted and logged, and works."""
    name = f"{CLUSTER}/kwok"
    os.kill(leftovers(sandbox.state.processes)[name], signal.SIGKILL)

    def kwok() -> dict[str, Any]:
        return next(process for process in sandbox.call("GET", "/status")["processes"] if process["name"] == name)

    eventually("it runs again", lambda: kwok()["restarts"] == 1 and kwok()["healthy"])
    assert f"{name} ended with -9" in (sandbox.state.logs / "supervisor.log").read_text()
    sandbox.create_pod("after")
    eventually("it works", lambda: sandbox.pod("after")["status"]["phase"] == "Running")


def test_cluster_upgrade_keeps_address_and_objects(sandbox: Sandbox) -> None:
    """An upgrade keeps the address and the objects; a downgrade is refused."""
    before = sandbox.endpoint
    assert sandbox.put_cluster("1.35") == before
    assert (sandbox.api.get("/version") or {})["emulationMinor"] == "35"
    assert sandbox.pod("quick")["status"]["phase"] == "Running"
    with pytest.raises(SandboxError, match="cannot go back"):
        sandbox.put_cluster("1.34")


def test_down_leaves_no_process_and_keeps_objects(sandbox: Sandbox) -> None:
    """After `down` no process is left; after `up` the objects are there and pods start."""
    lifecycle.down(sandbox.state)
    assert processes_of(sandbox.state.root) == []
    assert not lifecycle.status(sandbox.state)["up"]
    with pytest.raises(SandboxError, match="sandbox up"):
        lifecycle.environment(state=sandbox.state)
    sandbox.up()
    assert sandbox.pod("quick")["status"]["phase"] == "Running"
    sandbox.create_pod("next-day")
    eventually("nodes work at once", lambda: sandbox.pod("next-day")["status"]["phase"] == "Running", 10)


def test_killed_supervisor_leaves_no_process(sandbox: Sandbox) -> None:
    """Where the supervisor is killed all its processes end, and `up` brings everything back."""
    os.kill(sandbox.running["supervisor_pid"], signal.SIGKILL)
    eventually("everything is gone", lambda: processes_of(sandbox.state.root) == [])
    assert not lifecycle.status(sandbox.state)["up"]
    sandbox.up()
    assert sandbox.pod("next-day")["status"]["phase"] == "Running"


def test_up_over_other_code_restarts_and_keeps_objects(sandbox: Sandbox) -> None:
    """A supervisor of before has no digest of its code in the state file; one of another check-out has another."""
    written = json.loads(sandbox.state.state.read_text())
    sandbox.state.state.write_text(json.dumps({name: value for name, value in written.items() if name != "code"}))
    before, messages = sandbox.process_ids(), list[str]()
    sandbox.running = lifecycle.up(Options(state=sandbox.state), messages.append)
    assert [message for message in messages if "other code" in message] == [lifecycle.OTHER_CODE]
    assert not set(before.values()) & set(sandbox.process_ids().values()), "every process is a new one"
    assert sandbox.pod("next-day")["status"]["phase"] == "Running"
    assert sandbox.running["code"] == written["code"]

    before = sandbox.process_ids()
    lifecycle.up(Options(state=sandbox.state), messages.append)
    assert sandbox.process_ids() == before
