"""When an Application of Argo CD is where it should be."""

from __future__ import annotations

from typing import Any

import pytest

from resources.probes.argo_status import application_fault

COMMIT = "1537915ea0f5aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
BRANCH = "develop/demo-sandbox"
FOLLOWED = ("https://git.test/team/config.git", BRANCH)
OURS = {"repoURL": "https://git.test/team/config.git", "targetRevision": BRANCH, "path": "shop"}
CHART = {"repoURL": "https://charts.test", "chart": "gateway", "targetRevision": "1.24.0"}
OTHER = {"repoURL": "https://git.test/team/shop.git", "targetRevision": BRANCH, "path": "deploy"}


def application(sync: dict[str, Any], **spec: Any) -> dict[str, Any]:
    status = {"sync": {"status": "Synced", **sync}, "health": {"status": "Healthy"}}
    return {"metadata": {"name": "shop"}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    "live",
    [
        application({"revision": COMMIT}, source=OURS),
        application({"revision": COMMIT}, source={**OURS, "repoURL": "git@git.test:team/config"}),
        application({"revisions": ["1.24.0", COMMIT]}, sources=[CHART, {**OURS, "ref": "values"}]),
        application({"revision": "1.24.0"}, source=CHART),
        application({"revision": "0" * 40}, source=OTHER),
    ],
)
def test_application_fault_accepts_sources_at_commit(live: dict[str, Any]) -> None:
    """Sources that follow our branch must be at its commit; others do not matter."""
    assert application_fault(live, FOLLOWED, COMMIT) == ""


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (application({"revision": "0" * 40}, source=OURS), "Synced at 000000000000"),
        (application({"revisions": ["1.24.0", "0" * 40]}, sources=[CHART, OURS]), "Synced at 000000000000"),
        (application({}, sources=[CHART, OURS]), "Synced at no commit"),
        (application({"revisions": ["1.24.0"]}, sources=[CHART, OURS]), "Synced at 1.24.0"),
        (application({"status": "OutOfSync", "revision": "1.24.0"}, source=CHART), "OutOfSync at 1.24.0"),
    ],
)
def test_application_fault_names_status_and_revision(live: dict[str, Any], words: str) -> None:
    """A source at another commit, or out of sync, is named."""
    assert application_fault(live, FOLLOWED, COMMIT) == words
