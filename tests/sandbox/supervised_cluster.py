"""A cluster in a running sandbox that tests ask the supervisor for, as the embedded EKS does."""

from __future__ import annotations

from typing import Any

from sandbox import lifecycle
from sandbox.paths import StateDirectory
from sandbox.plane.kubernetes_api import KubernetesApi

NODE = {"name": "ip-10-0-1-10.us-west-2.compute.internal", "instance_type": "m7i.4xlarge", "zone": "us-west-2a"}


class SupervisedCluster:
    """The cluster `name` of the sandbox of `state`, with a node group `system` of `nodes`."""

    def __init__(self, state: StateDirectory, name: str, nodes: tuple[dict[str, Any], ...] = (NODE,)) -> None:
        self.state, self.name = state, name
        self.running: dict[str, Any] = lifecycle.running_state(state) or {}
        self.endpoint = ""
        self.put()
        self.put_nodes(*nodes)

    @property
    def api(self) -> KubernetesApi:
        return KubernetesApi(self.endpoint, self.state.cluster(self.name) / "certificates")

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The supervisor's answer; `path` is below the cluster's own."""
        return lifecycle.call(self.running["supervisor_url"], method, f"/clusters/{self.name}{path}", body)

    def put(self, version: str = "1.34") -> str:
        """Create or upgrade the cluster; the address of its API server. Raises SandboxError."""
        webhook = f"{self.running['aws_endpoint']}/_ministack/eks-auth/x"
        body = {"account": "000000000000", "region": "us-west-2", "version": version, "token_webhook_url": webhook}
        self.endpoint = self.call("PUT", "", body)["endpoint"]
        return self.endpoint

    def put_nodes(self, *nodes: dict[str, Any]) -> None:
        self.call("PUT", "/node-groups/system", {"version": "1.34", "nodes": list(nodes)})

    def put_manifests(self, *objects: dict[str, Any]) -> None:
        self.call("PUT", "/manifests", {"objects": list(objects)})

    def process_ids(self) -> dict[str, int]:
        """The processes of the whole sandbox, by name."""
        return {process["name"]: process["pid"] for process in lifecycle.sandbox_status(self.state)["processes"]}

    def pod(self, name: str) -> dict[str, Any]:
        """A pod in the namespace `default`; empty where there is none."""
        return self.api.get(f"/api/v1/namespaces/default/pods/{name}") or {}

    def create_pod(self, name: str, image: str = "web:1", **annotations: str) -> None:
        """Create a pod in the namespace `default`, or change its annotations."""
        metadata = {"name": name, "namespace": "default", "annotations": annotations}
        spec = {"containers": [{"name": "web", "image": image}]}
        self.put_manifests({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def is_running(self, pod: str) -> bool:
        return bool(self.pod(pod).get("status", {}).get("phase") == "Running")

    def delete(self) -> None:
        self.call("DELETE", "")
