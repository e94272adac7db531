"""Pods of a cluster in the sandbox: their status is what a kubelet would write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.paths import StateDirectory
from tests.helpers.waiting import eventually
from tests.sandbox.supervised_cluster import SupervisedCluster


@pytest.fixture(scope="module")
def cluster(sandbox: StateDirectory) -> Iterator[SupervisedCluster]:
    cluster = SupervisedCluster(sandbox, "pod-test-cluster")
    yield cluster
    cluster.delete()


def waiting(pod: dict[str, Any]) -> dict[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    state: dict[str, Any] = statuses[0]["state"].get("waiting", {}) if statuses else {}
    return state


def test_crashing_pod_looks_as_from_kubelet_and_recovers(cluster: SupervisedCluster) -> None:
    """A crashing pod has the status that a kubelet writes, and recovers."""
    cluster.create_pod("crash", **{"sandbox/mode": "crash"})
    eventually("it crash-loops", lambda: waiting(cluster.pod("crash")).get("reason") == "CrashLoopBackOff")
    pod = cluster.pod("crash")
    container = pod["status"]["containerStatuses"][0]
    assert container["restartCount"] >= 1
    assert container["lastState"]["terminated"]["exitCode"] == 1
    identity = f"container=web pod=crash_default({pod['metadata']['uid']})"
    assert container["state"]["waiting"]["message"] == f"back-off 10s restarting failed {identity}"
    cluster.create_pod("crash", **{"sandbox/mode": ""})
    eventually("it runs", lambda: cluster.pod("crash")["status"]["containerStatuses"][0]["ready"])


def test_missing_image_cannot_be_pulled(cluster: SupervisedCluster) -> None:
    """A pod with an image that does not exist waits in ImagePullBackOff."""
    cluster.create_pod("image", "web-does-not-exist:1")
    eventually("it waits", lambda: waiting(cluster.pod("image")).get("reason") == "ImagePullBackOff")
    pod = cluster.pod("image")
    assert pod["status"]["phase"] == "Pending"
    assert 'Back-off pulling image "web-does-not-exist:1"' in waiting(pod)["message"]


def test_ready_delay_holds_pod_back(cluster: SupervisedCluster) -> None:
    """A pod with a ready-delay starts that much later, while others start at once."""
    cluster.create_pod("slow", **{"sandbox/ready-delay": "3s"})
    cluster.create_pod("quick")
    eventually("the other runs", lambda: cluster.pod("quick")["status"]["phase"] == "Running", 2.5)
    assert cluster.pod("slow")["status"]["phase"] == "Pending"
    eventually("it runs", lambda: cluster.pod("slow")["status"]["phase"] == "Running")
