"""The HelmRelease driver where pods do not come up, and where a run was killed or interrupted in the middle."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from resources.context import Context
from resources.drivers.helm import pod_watch
from tests.helpers.materialization import Materialize, checks, failure, shown
from tests.helpers.releases import GOOD, at_status, helm_processes, kill_helm, release, revisions, statuses

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("release_namespace")]
NO_IMAGE = {**GOOD, "image": {"repository": "registry.test/does-not-exist"}}
CRASHING = {**GOOD, "podAnnotations": {"sandbox/mode": "crash"}}
SLOW = {**GOOD, "podAnnotations": {"sandbox/ready-delay": "60s"}}


def test_unpullable_image_ends_the_wait_and_fix_upgrades(materialize: Materialize, context: Context) -> None:
    """A pod that cannot start fails the release early, with the reason; the next deploy upgrades it."""
    began = time.monotonic()
    said = failure(materialize(release(NO_IMAGE)))
    assert time.monotonic() - began < 30, "the release's own time-out is 300 s"
    assert "pod driver-test/driver-test-external-dns-" in said
    assert 'container external-dns: ImagePullBackOff: Back-off pulling image "registry.test/does-not-exist' in said
    assert "deploy again" in said
    assert statuses(context) == ["failed"]
    assert helm_processes() == []

    mended = materialize(release())
    assert shown(mended, "demo")["result"].startswith("updated in")
    assert checks(mended)["workloads_ready"][0]
    assert statuses(context)[1:] == ["deployed"]


def test_broken_pod_of_old_revision_does_not_end_the_fix(
    materialize: Materialize, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the fix rolls out, the old revision's broken pod is ignored, from the first second on."""
    monkeypatch.setattr(pod_watch, "_GRACE", 0.0)
    rolling = {"deploymentStrategy": {"type": "RollingUpdate"}}
    failure(materialize(release({**NO_IMAGE, **rolling})))
    slow_start = {**GOOD, **rolling, "podAnnotations": {"sandbox/ready-delay": "5s"}}
    assert shown(materialize(release(slow_start)), "demo")["result"].startswith("updated in")
    assert statuses(context)[1:] == ["deployed"]


def test_broken_pod_that_the_upgrade_leaves_ends_the_wait(
    materialize: Materialize, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that changes no pod template will not replace the broken pod: the wait ends with its reason."""
    monkeypatch.setattr(pod_watch, "_GRACE", 1.0)
    failure(materialize(release(NO_IMAGE)))
    began = time.monotonic()
    said = failure(materialize(release({**NO_IMAGE, "service": {"annotations": {"example.test/x": "y"}}})))
    assert time.monotonic() - began < 60, "the release's own time-out is 300 s"
    assert "ImagePullBackOff" in said
    assert statuses(context) == ["failed", "failed"]


def test_crash_loop_ends_the_wait(materialize: Materialize, context: Context) -> None:
    """A crash loop fails the release early, with the exit code."""
    began = time.monotonic()
    said = failure(materialize(release(CRASHING)))
    assert time.monotonic() - began < 60, "the release's own time-out is 300 s"
    assert "CrashLoopBackOff: back-off" in said
    assert "(last exit code 1)" in said
    assert statuses(context) == ["failed"]


def test_container_that_crashes_once_is_given_time(materialize: Materialize, context: Context) -> None:
    """A single crash at the start is no failure."""
    pods = context.cluster.api.resources.get(api_version="v1", kind="Pod")

    def recover() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for pod in pods.get(namespace="driver-test").to_dict()["items"]:
                if pod["status"].get("containerStatuses", [{}])[0].get("restartCount"):
                    patch = {"metadata": {"annotations": {"sandbox/mode": "run"}}}
                    kind = "application/merge-patch+json"
                    name = pod["metadata"]["name"]
                    time.sleep(2)
                    pods.patch(name=name, namespace="driver-test", body=patch, content_type=kind)
                    return
            time.sleep(0.1)

    thread = threading.Thread(target=recover)
    thread.start()
    assert materialize(release(CRASHING)).success
    thread.join()


def test_killed_install_is_repaired_by_next_deploy(materialize: Materialize, context: Context) -> None:
    """A release left in pending-install is installed again."""
    killer = at_status(context, "pending-install", kill_helm)
    assert not materialize(release(SLOW)).success
    killer.join()
    assert statuses(context) == ["pending-install"]
    mended = materialize(release())
    assert checks(mended)["workloads_ready"][0]
    assert statuses(context) == ["deployed"]


def test_killed_upgrade_is_repaired_by_next_deploy(materialize: Materialize, context: Context) -> None:
    """A release left in pending-upgrade is upgraded."""
    assert materialize(release()).success
    killer = at_status(context, "pending-upgrade", kill_helm)
    assert not materialize(release(SLOW)).success
    killer.join()
    assert statuses(context) == ["deployed", "pending-upgrade"]
    mended = materialize(release({**GOOD, "logLevel": "debug"}))
    assert checks(mended)["workloads_ready"][0]
    assert revisions(context)[-1].values == {**GOOD, "logLevel": "debug"}
    assert statuses(context)[-1] == "deployed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_ends_helm_and_next_deploy_continues(
    materialize: Materialize, context: Context, number: signal.Signals
) -> None:
    """A signal ends helm; the next deploy finishes the release."""
    interrupter = at_status(context, "pending-install", lambda: os.kill(os.getpid(), number))
    began = time.monotonic()
    assert not materialize(release(SLOW)).success
    assert time.monotonic() - began < 20
    interrupter.join()
    assert helm_processes() == []
    assert statuses(context) == ["failed"]
    assert checks(materialize(release()))["workloads_ready"][0]
