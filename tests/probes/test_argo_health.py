"""What Argo CD says beside "Healthy" and "Synced": operations, refreshes, ApplicationSets that fail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.context import Context
from resources.drivers.git import applied_objects, manifests
from resources.model.checks import ApplicationsHealthy
from resources.model.outputs import NoOutputs
from resources.model.specs import GitManifests, GitTree
from resources.probes import applications as probes
from resources.probes.result import CheckResult
from resources.probes.runner import wait_for_check
from resources.support.memory_cache import MemoryCache

COMMIT, BRANCH = "1537915ea0f5aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "develop/demo-sandbox"
ADDRESS = "https://git.test/team/config.git"
SOURCE = {"repoURL": ADDRESS, "targetRevision": BRANCH, "path": "shop"}
PATH = "shop/shop-app/applicationset.yaml"
SET = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: shop}\nspec: {}\n"
SPEC = GitManifests(
    tree=GitTree[NoOutputs](repository=ADDRESS, branch=BRANCH), paths=(PATH,), group="products", commit=COMMIT
)


def new_context() -> Context:
    """One that has listed nothing yet."""
    env = SimpleNamespace(sandbox=False, deadlines=SimpleNamespace(probe=10_000))
    parts = SimpleNamespace(cluster=None, env=env, cache=MemoryCache(), progress=lambda text: None)
    return cast(Context, parts)


def application(metadata: dict[str, Any] | None = None, sync: dict[str, Any] | None = None, **status: Any) -> Any:
    return {
        "metadata": {
            "name": "shop",
            "ownerReferences": [{"kind": "ApplicationSet", "name": "shop"}],
            **(metadata or {}),
        },
        "spec": {"source": SOURCE},
        "status": {
            "sync": {"status": "Synced", "revision": COMMIT, **(sync or {})},
            "health": {"status": "Healthy"},
            **status,
        },
    }


def application_set(name: str = "shop", metadata: dict[str, Any] | None = None, **condition: Any) -> Any:
    conditions = [{"type": "ErrorOccurred", "status": "False", **condition}]
    return {"metadata": {"name": name, **(metadata or {})}, "status": {"conditions": conditions}}


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What the cluster lists, by kind."""
    objects: dict[str, list[Any]] = {"Application": [application()], "ApplicationSet": [application_set()]}
    monkeypatch.setattr(manifests, "rendered_files", lambda *_: {PATH: SET})
    monkeypatch.setattr(applied_objects, "list_objects", lambda cluster, version, kind, **_: objects[kind])
    return objects


def probe(*, every: bool = False) -> CheckResult:
    return probes.applications_healthy(ApplicationsHealthy(every=every), SPEC, new_context())


def test_application_at_commit_is_healthy(live: dict[str, list[Any]]) -> None:
    """What the others are compared with."""
    assert probe().passed


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (
            application(operationState={"phase": "Failed", "message": "one task failed"}),
            "its last sync failed: one task failed",
        ),
        (
            application(
                operationState={
                    "phase": "Error",
                    "syncResult": {
                        "resources": [
                            {"kind": "Job", "name": "migrate", "hookPhase": "Failed", "message": "no route to host"},
                            {"kind": "Service", "name": "shop", "status": "Synced", "message": "unchanged"},
                        ]
                    },
                }
            ),
            "its last sync failed: Job migrate: no route to host",
        ),
        (
            application(operationState={"phase": "Running", "message": "waiting for hook batch/Job/migrate"}),
            "its sync is running: waiting for hook batch/Job/migrate",
        ),
        (application(operationState={"phase": "Terminating"}), "its sync is running"),
        (
            application(health={"status": "Progressing"}, operationState={"phase": "Running", "message": "wave 2"}),
            "application shop: Progressing: its sync is running: wave 2",
        ),
        (
            application(sync={"status": "OutOfSync"}, operationState={"phase": "Failed", "message": "denied"}),
            "OutOfSync at 1537915ea0f5: its last sync failed: denied",
        ),
        (
            application({"annotations": {"argocd.argoproj.io/refresh": "normal"}}),
            "Argo CD has not refreshed it yet",
        ),
        (
            application(sync={"comparedTo": {"source": {**SOURCE, "path": "old"}}}),
            "Argo CD has not compared it with its present source yet",
        ),
        (
            application(sync={"comparedTo": {"sources": [SOURCE, SOURCE]}}),
            "Argo CD has not compared it with its present source yet",
        ),
    ],
)
def test_application_is_not_healthy_yet(live: dict[str, list[Any]], shown: Any, words: str) -> None:
    """Synced and Healthy are of before, or leave out a hook that failed."""
    live["Application"] = [shown]
    result = probe()
    assert not result.passed
    assert words in result.detail


@pytest.mark.parametrize(
    "shown",
    [
        application(operationState={"phase": "Succeeded", "message": "successfully synced"}),
        application(sync={"comparedTo": {"source": SOURCE, "destination": {"namespace": "shop"}}}),
    ],
)
def test_application_stays_healthy(live: dict[str, list[Any]], shown: Any) -> None:
    """A sync that succeeded, and a comparison with the present source."""
    live["Application"] = [shown]
    assert probe().passed


@pytest.mark.parametrize("applications", [[application()], []])
@pytest.mark.parametrize("every", [True, False])
def test_failing_application_set_is_not_healthy(
    live: dict[str, list[Any]], applications: list[Any], every: bool
) -> None:
    """Its own message, whether the applications of last time are green or there is none."""
    live["Application"] = applications
    live["ApplicationSet"] = [application_set(status="True", message="no cluster matches")]
    result = probe(every=every)
    assert (result.passed, result.detail) == (False, "ApplicationSet shop: no cluster matches")


def test_application_set_that_was_not_read_again_is_not_healthy(live: dict[str, list[Any]]) -> None:
    """Its applications are those of before."""
    asked = {"annotations": {"argocd.argoproj.io/application-set-refresh": "true"}}
    live["ApplicationSet"] = [application_set(metadata=asked)]
    assert "ApplicationSet shop: Argo CD has not refreshed it yet" in probe().detail


def test_application_sets_of_others_do_not_matter(live: dict[str, list[Any]]) -> None:
    """But to the last check, which looks at everything."""
    live["ApplicationSet"].append(application_set("others", status="True", message="broken"))
    assert probe().passed
    assert probe(every=True).detail == "ApplicationSet others: broken"


def test_application_that_is_being_deleted_does_not_count(live: dict[str, list[Any]]) -> None:
    """It is on its way out; the one in its place counts."""
    gone = application({"name": "old", "deletionTimestamp": "2026-01-01T00:00:00Z"}, health={"status": "Missing"})
    live["Application"].append(gone)
    assert probe().passed
    live["Application"] = [gone]
    assert probe().detail == "ApplicationSet shop has made no application yet"


@pytest.mark.parametrize(("kind", "final"), [("CronJob", True), ("Rollout", False)])
def test_what_somebody_suspended_is_not_waited_for(live: dict[str, list[Any]], kind: str, final: bool) -> None:
    """A CronJob goes on when somebody resumes it; a Rollout may by itself."""
    resources = [{"kind": kind, "name": "report", "health": {"status": "Suspended"}}]
    live["Application"] = [application(health={"status": "Suspended"}, resources=resources)]
    result = probe()
    assert result.detail == f"application shop: Suspended: {kind} report: Suspended"
    assert (result.passed, result.is_final) == (False, final)


def test_final_result_ends_the_wait(live: dict[str, list[Any]]) -> None:
    """At once, not at the deadline."""
    resources = [{"kind": "CronJob", "name": "report", "health": {"status": "Suspended"}}]
    live["Application"] = [application(health={"status": "Suspended"}, resources=resources)]
    assert wait_for_check(ApplicationsHealthy(), SPEC, new_context()).detail.startswith("application shop: Suspended")
