"""How long a container that does not start is given."""

from __future__ import annotations

from typing import Any

import pytest

from resources.drivers.helm.pod_watch import may_pass


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
