"""A cluster that the supervisor runs: its API server, node groups, add-ons and versions."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.errors import SandboxError
from sandbox.paths import StateDirectory
from tests.helpers.waiting import eventually
from tests.sandbox.supervised_cluster import SupervisedCluster

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


@pytest.fixture(scope="module")
def cluster(sandbox: StateDirectory) -> Iterator[SupervisedCluster]:
    cluster = SupervisedCluster(sandbox, "plane-test-cluster")
    yield cluster
    cluster.delete()


def test_putting_cluster_again_changes_nothing(cluster: SupervisedCluster) -> None:
    """Putting the same cluster again starts no process and keeps its address."""
    before = cluster.endpoint, cluster.process_ids()
    cluster.put()
    assert (cluster.endpoint, cluster.process_ids()) == before


def test_api_server_refuses_anonymous_callers(cluster: SupervisedCluster) -> None:
    """The API server refuses a caller without credentials."""
    authority = cluster.state.cluster(cluster.name) / "certificates" / "ca.crt"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{cluster.endpoint}/version", context=ssl.create_default_context(cafile=authority))
    assert refused.value.code == 401
    refused.value.close()


@pytest.mark.parametrize(("version", "reason"), [("1.33", "1.34 to 1.37"), ("latest", "1.34 to 1.37")])
def test_unsupported_cluster_version_is_refused(cluster: SupervisedCluster, version: str, reason: str) -> None:
    """A version that the sandbox does not have is refused with those it has."""
    with pytest.raises(SandboxError, match=reason):
        cluster.put(version)


def test_node_group_has_exactly_its_nodes(cluster: SupervisedCluster) -> None:
    """A node group has the nodes of the last request, with capacity, address, version and taints."""
    path = "/node-groups/system"
    extra = {"name": "ip-10-0-3-12.us-west-2.compute.internal"}
    cluster.call("PUT", path, {"version": "1.34", "nodes": [*NODES, extra]})
    cluster.call("PUT", path, {"version": "1.34", "nodes": NODES})

    def ready() -> list[str]:
        nodes = cluster.api.list("/api/v1/nodes", labelSelector="eks.amazonaws.com/nodegroup=system")
        return [
            node["metadata"]["name"]
            for node in nodes
            if any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node.get("status", {}).get("conditions", [])
            )
        ]

    eventually("both nodes are Ready", lambda: sorted(ready()) == [node["name"] for node in NODES])
    gpu = cluster.api.get(f"/api/v1/nodes/{NODES[1]['name']}") or {}
    assert gpu["status"]["capacity"]["nvidia.com/gpu"] == "8"
    assert gpu["status"]["addresses"][0] == {"type": "InternalIP", "address": "10.0.2.11"}
    assert gpu["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.34")
    assert {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"} in gpu["spec"]["taints"]


@pytest.mark.parametrize("addon", ["vpc-cni", "coredns", "aws-ebs-csi-driver"])
def test_addon_becomes_ready(cluster: SupervisedCluster, addon: str) -> None:
    """An EKS add-on becomes ready."""
    path = f"/addons/{addon}"
    cluster.call("PUT", path, {"version": "v1.20.4-eksbuild.1", "configuration": None})
    eventually(f"{addon} is ready", lambda: bool(cluster.call("GET", path)["ready"]))


def test_addon_with_crashing_pods_is_not_ready(cluster: SupervisedCluster) -> None:
    """An add-on whose pods crash is not ready and counts its pods; a deleted one does not exist."""
    path = "/addons/metrics-server"
    broken = {"podAnnotations": {"sandbox/mode": "crash"}}
    cluster.call("PUT", path, {"version": "v0.8.0-eksbuild.1", "configuration": broken})
    eventually("it is seen", lambda: "0 of 2 pods available" in cluster.call("GET", path)["detail"])
    assert not cluster.call("GET", path)["ready"]
    cluster.call("DELETE", path)
    assert "does not exist" in cluster.call("GET", path)["detail"]


def test_custom_resource_becomes_ready_after_late_definition(cluster: SupervisedCluster) -> None:
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
    cluster.api.apply(definition)
    pool = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "general"}, "spec": {}}
    eventually("the kind is served", lambda: "NodePool" in cluster.api.kinds("karpenter.sh/v1"))
    cluster.put_manifests(pool)

    def conditions() -> list[dict[str, Any]]:
        live = cluster.api.get("/apis/karpenter.sh/v1/nodepools/general") or {}
        conditions: list[dict[str, Any]] = live.get("status", {}).get("conditions", [])
        return conditions

    eventually("it is Ready", lambda: any(c["type"] == "Ready" and c["status"] == "True" for c in conditions()))


def test_cluster_upgrade_keeps_address_and_objects(sandbox: StateDirectory) -> None:
    """An upgrade keeps the address and the objects, and so does going back one minor; two are refused."""
    cluster = SupervisedCluster(sandbox, "upgrade-test-cluster")
    try:
        cluster.create_pod("kept")
        eventually("a pod runs", lambda: cluster.is_running("kept"))
        before = cluster.endpoint
        assert cluster.put("1.35") == before
        assert (cluster.api.get("/version") or {})["emulationMinor"] == "35"
        assert cluster.is_running("kept")
        assert cluster.put("1.36") == before
        with pytest.raises(SandboxError, match="cannot go back"):
            cluster.put("1.34")
        assert cluster.put("1.35") == before
        assert (cluster.api.get("/version") or {})["emulationMinor"] == "35"
        assert cluster.is_running("kept")
    finally:
        cluster.delete()
