"""When a workload is ready, and which pod says why it is not."""

from __future__ import annotations

from typing import Any

import pytest

from resources.kubernetes.workloads import explain, hopeless, readiness, selects


def workload(kind: str = "Deployment", replicas: int | None = 2, **status: int) -> dict[str, Any]:
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": "web"}}}
    if replicas is not None:
        spec["replicas"] = replicas
    metadata = {"namespace": "shop", "name": "web", "generation": 3}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 3, **status}}


def pod(reason: str = "", where: str = "containerStatuses", **metadata: Any) -> dict[str, Any]:
    waiting = {"name": "main", "state": {"waiting": {"reason": reason, "message": "back-off"}}}
    waiting["lastState"] = {"terminated": {"exitCode": 137}}
    about = {"namespace": "shop", "name": "web-1", "labels": {"app": "web"}, **metadata}
    return {"metadata": about, "status": {where: [waiting]} if reason else {}}


@pytest.mark.parametrize(
    "ready",
    [
        workload(readyReplicas=2, updatedReplicas=2),
        workload(replicas=None, readyReplicas=1, updatedReplicas=1),
        workload(replicas=0),
        workload("StatefulSet", readyReplicas=2, updatedReplicas=2),
        workload("DaemonSet", None, desiredNumberScheduled=3, numberReady=3, updatedNumberScheduled=3),
        workload("DaemonSet", None, desiredNumberScheduled=0),
    ],
)
def test_a_workload_is_ready_when_all_of_its_newest_replicas_are(ready: dict[str, Any]) -> None:
    assert readiness(ready) == ""


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_pods_that_people_delete_themselves_need_not_be_updated(kind: str) -> None:
    found = workload(kind, readyReplicas=2, desiredNumberScheduled=2, numberReady=2)
    assert "0 updated" in readiness(found)
    found["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert readiness(found) == ""


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        (workload(readyReplicas=1, updatedReplicas=2), "1 of 2 ready, 2 updated"),
        (workload(readyReplicas=2, updatedReplicas=1), "2 of 2 ready, 1 updated"),
        (workload(), "0 of 2 ready, 0 updated"),
        (workload("DaemonSet", None, desiredNumberScheduled=3, numberReady=2, updatedNumberScheduled=3), "2 of 3"),
        (workload(observedGeneration=2, readyReplicas=2, updatedReplicas=2), "newest generation is not observed"),
    ],
)
def test_what_a_workload_lacks_is_said_with_its_name(waiting: dict[str, Any], words: str) -> None:
    said = readiness(waiting)
    assert said.startswith(f"{waiting['kind']} shop/web: ")
    assert words in said


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError"])
@pytest.mark.parametrize("where", ["containerStatuses", "initContainerStatuses"])
def test_a_pod_that_waiting_cannot_help_says_why(reason: str, where: str) -> None:
    assert hopeless(pod(reason, where)) == (f"pod shop/web-1, container main: {reason}: back-off (last exit code 137)")


@pytest.mark.parametrize("reason", ["", "ContainerCreating", "PodInitializing"])
def test_a_pod_that_only_takes_its_time_is_not_hopeless(reason: str) -> None:
    assert hopeless(pod(reason)) == ""


def test_a_workload_selects_its_own_pods() -> None:
    assert selects(workload(), pod())
    assert not selects(workload(), pod(namespace="other"))
    assert not selects(workload(), pod(labels={"app": "api"}))
    assert not selects({"metadata": {"namespace": "shop", "name": "all"}, "spec": {}}, pod()), "no selector, no pods"


def test_the_first_workload_that_is_not_ready_is_explained_by_its_pod() -> None:
    fine = workload(readyReplicas=2, updatedReplicas=2)
    others = pod("ImagePullBackOff", labels={"app": "api"})
    said = explain([fine, workload()], [others, pod("CrashLoopBackOff")])
    assert said.startswith("Deployment shop/web: 0 of 2 ready")
    assert "CrashLoopBackOff" in said
    assert "ImagePullBackOff" not in said
    assert explain([fine], [pod("CrashLoopBackOff")]) == ""


def test_a_pod_without_a_node_is_an_explanation_too() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}
    unscheduled = pod() | {"status": {"conditions": [condition]}}
    assert explain([workload()], [unscheduled]).endswith("pod shop/web-1 is not scheduled: 0/2 nodes are available")
