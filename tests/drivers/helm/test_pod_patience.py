"""How long a container that does not start is given."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm import pod_watch
from resources.drivers.helm.pod_watch import PodWatch, may_pass
from resources.model.errors import OperationFailed


def container(reason: str, message: str = "", restarts: int = 0) -> dict[str, Any]:
    return {"restartCount": restarts, "state": {"waiting": {"reason": reason, "message": message}}}


@pytest.mark.parametrize(
    "message",
    [
        'failed to pull image "docker.io/grafana/loki:3": dial tcp 1.2.3.4:443: i/o timeout',
        "toomanyrequests: You have reached your pull rate limit",
        "dial tcp: lookup docker.io on 10.0.0.2:53: server misbehaving",
        'Back-off pulling image "docker.io/grafana/loki:3"',
    ],
)
def test_a_pull_that_fails_for_a_while_is_tried_again(message: str) -> None:
    """Registries, DNS and new gateways fail once and heal; the kubelet tries again by itself."""
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        assert may_pass(container(reason, message), is_early=True)
        assert not may_pass(container(reason, message), is_early=False)


@pytest.mark.parametrize(
    "message",
    [
        "failed to resolve reference: docker.io/x:1: not found",
        "manifest unknown: requested image not found",
        "no match for platform in manifest",
        "unexpected status from HEAD request: 403 Forbidden",
        "pull access denied, repository does not exist or may require authorization",
    ],
)
def test_an_image_that_is_not_there_ends_the_wait(message: str) -> None:
    assert not may_pass(container("ErrImagePull", message), is_early=True)


def test_few_crashes_are_no_failure() -> None:
    """A webhook's certificate, an agent, DNS: what a container needs may come up after it."""
    assert [may_pass(container("CrashLoopBackOff", restarts=n), is_early=True) for n in range(5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert not may_pass(container("CreateContainerConfigError"), is_early=True)


@dataclass
class Cluster:
    """What a release's cluster holds, for the watch: the revisions of helm, the live workload and events."""

    revisions: list[Any]
    workload: dict[str, Any]
    events: list[dict[str, Any]]

    def list_objects(self, _: Any, __: str, kind: str, **___: Any) -> list[dict[str, Any]]:
        return self.events if kind == "Event" else []


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, sandbox_env: Environment) -> tuple[PodWatch, Cluster]:
    """A watch that began before helm made a StatefulSet whose pods a quota refuses."""
    metadata = {"namespace": "shop", "name": "db", "generation": 1}
    workload = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": {"replicas": 1}}
    about = {"kind": "StatefulSet", "name": "db"}
    event = {"reason": "FailedCreate", "involvedObject": about, "message": "exceeded quota: small"}
    cluster = Cluster([None], {**workload, "status": {"observedGeneration": 1}}, [event])
    monkeypatch.setattr(pod_watch, "newest_release", lambda *_: cluster.revisions[-1])
    monkeypatch.setattr(pod_watch, "read_object", lambda *_: cluster.workload)
    monkeypatch.setattr(pod_watch, "list_objects", cluster.list_objects)
    monkeypatch.setattr(pod_watch, "_LOOK", 0.0)
    source = Source("us-west-2", "http://127.0.0.1:1", "key", "secret")
    watch = PodWatch(Context(sandbox_env, Aws(sandbox_env, source)), "shop", "db")
    cluster.revisions.append(SimpleNamespace(revision=1, namespace="shop", objects=[workload]))
    event["lastTimestamp"] = "2999-01-01T00:00:00Z"
    return watch, cluster


def test_pods_that_are_refused_for_long_end_the_wait(
    refused: tuple[PodWatch, Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook or a quota may come up later than what needs it; not after a minute."""
    watch, _ = refused
    watch.check()
    monkeypatch.setattr(pod_watch, "_REFUSED", 0.0)
    with pytest.raises(OperationFailed) as caught:
        watch.check()
    said = "StatefulSet shop/db: 0 of 1 ready, 0 updated; its pods are refused: exceeded quota: small"
    assert caught.value.message == f"release db in shop: {said}"
    assert watch.unready() == said


def test_refusals_of_before_and_of_what_became_ready_do_not_count(
    refused: tuple[PodWatch, Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events outlive what they are about by an hour."""
    monkeypatch.setattr(pod_watch, "_REFUSED", 0.0)
    watch, cluster = refused
    cluster.events[0]["lastTimestamp"] = "2020-01-01T00:00:00Z"
    watch.check()
    cluster.events[0]["lastTimestamp"] = "2999-01-01T00:00:00Z"
    cluster.workload["status"] |= {"readyReplicas": 1, "updatedReplicas": 1}
    watch.check()
    assert watch.unready() == ""
