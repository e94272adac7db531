"""When a workload is ready, and which pod says why it is not."""

from __future__ import annotations

from typing import Any

import pytest

from resources.kubernetes.workloads import (
    doomed_reason,
    ended_reason,
    explain_unready,
    selects_pod,
    unready_reason,
)


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
def test_workload_is_ready_with_all_newest_replicas(ready: dict[str, Any]) -> None:
    """A workload is ready when all replicas of its newest revision are."""
    assert unready_reason(ready) == ""


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_workload_with_on_delete_needs_no_updated_pods(kind: str) -> None:
    """With the strategy OnDelete old pods do not make a workload unready."""
    rolling = workload(kind, readyReplicas=2, desiredNumberScheduled=2, numberReady=2)
    assert "0 updated" in unready_reason(rolling)
    rolling["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert unready_reason(rolling) == ""


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
def test_unready_workload_is_named_with_what_it_lacks(waiting: dict[str, Any], words: str) -> None:
    """What a workload lacks is said with its kind, namespace and name."""
    said = unready_reason(waiting)
    assert said.startswith(f"{waiting['kind']} shop/web: ")
    assert words in said


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError"])
@pytest.mark.parametrize("where", ["containerStatuses", "initContainerStatuses"])
def test_hopeless_pod_says_why(reason: str, where: str) -> None:
    """A pod that waiting cannot help says its container, reason, message and exit code."""
    assert doomed_reason(pod(reason, where)) == (
        f"pod shop/web-1, container main: {reason}: back-off (last exit code 137)"
    )


@pytest.mark.parametrize("reason", ["", "ContainerCreating", "PodInitializing"])
def test_starting_pod_is_not_hopeless(reason: str) -> None:
    """A pod that is still starting is not given up."""
    assert doomed_reason(pod(reason)) == ""


def test_workload_selects_its_own_pods() -> None:
    """A workload selects pods of its namespace by its labels; without a selector it selects none."""
    assert selects_pod(workload(), pod())
    assert not selects_pod(workload(), pod(namespace="other"))
    assert not selects_pod(workload(), pod(labels={"app": "api"}))
    assert not selects_pod({"metadata": {"namespace": "shop", "name": "all"}, "spec": {}}, pod()), (
        "no selector, no pods"
    )


def test_unready_workload_is_explained_by_its_pod() -> None:
    """The first unready workload is explained by one of its own pods."""
    fine = workload(readyReplicas=2, updatedReplicas=2)
    others = pod("ImagePullBackOff", labels={"app": "api"})
    said = explain_unready([fine, workload()], [others, pod("CrashLoopBackOff")])
    assert said.startswith("Deployment shop/web: 0 of 2 ready")
    assert "CrashLoopBackOff" in said
    assert "ImagePullBackOff" not in said
    assert explain_unready([fine], [pod("CrashLoopBackOff")]) == ""


def test_unscheduled_pod_explains_its_workload() -> None:
    """A pod that no node takes explains its workload."""
    condition = {"type": "PodScheduled", "status": "False", "message": "0/2 nodes are available"}
    unscheduled = pod() | {"status": {"conditions": [condition]}}
    assert explain_unready([workload()], [unscheduled]).endswith(
        "pod shop/web-1 is not scheduled: 0/2 nodes are available"
    )


QUOTA = 'pods "web-1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0'


def test_refused_pods_explain_a_deployment() -> None:
    """A quota, a webhook or the namespace's pod security leaves no pod that could say why."""
    refused: dict[str, Any] = workload()
    refused["status"]["conditions"] = [{"type": "ReplicaFailure", "status": "True", "message": QUOTA}]
    assert explain_unready([refused], []).endswith(f"0 of 2 ready, 0 updated; its pods are refused: {QUOTA}")


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_refused_pods_of_other_kinds_stand_in_events_alone(kind: str) -> None:
    """The newest event of the workload itself."""

    def event(name: str, message: str, when: str, reason: str = "FailedCreate") -> dict[str, Any]:
        about = {"kind": kind, "name": name}
        return {"reason": reason, "message": message, "lastTimestamp": when, "involvedObject": about}

    events = [
        event("web", QUOTA, "2026-11-30T12:02:00Z"),
        event("web", "an older one", "2026-11-30T12:01:00Z"),
        event("web", "created pod web-0", "2026-11-30T12:03:00Z", "SuccessfulCreate"),
        event("api", "another's", "2026-11-30T12:04:00Z"),
    ]
    waiting = workload(kind, desiredNumberScheduled=2)
    assert explain_unready([waiting], [], events).endswith(f"; its pods are refused: {QUOTA}")
    assert "refused" not in explain_unready([waiting], [], events[2:])


def test_container_that_ended_with_an_error_says_so() -> None:
    """As that of a chart's hook, whose Job is no workload."""
    failed = pod()
    failed["status"] = {"containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 2}}}]}
    assert ended_reason(failed) == "pod shop/web-1, container main: ended with exit code 2: no message"
    failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = 0
    assert ended_reason(failed) == ""
