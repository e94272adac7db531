"""Live ApplicationSets are compared with the files of the commit that they were applied from."""

from __future__ import annotations

from typing import Any, cast

import pytest

from resources.drivers.git import applied_objects
from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.git.manifests import GitManifestsDriver, load_objects
from resources.kubernetes.objects import Object
from resources.model.drift import Drift
from resources.model.outputs import NoOutputs
from resources.model.specs import GitManifests, GitTree
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH, SHOP

ANNOTATION = "f:eks-assets/commit"
HOST = "spec.template.spec.source.helm.valuesObject.host"


class Deployed:
    """storefront's ApplicationSet as a cluster has it after a deploy."""

    def __init__(self, local: LocalRepository, monkeypatch: pytest.MonkeyPatch, *, pinned: bool) -> None:
        self.local, self.pinned = local, pinned
        GitTreeDriver().apply(local.spec(pinned=pinned), local.context())
        self.objects: list[Object] = []
        monkeypatch.setattr(applied_objects, "list_argo_objects", self._listed)
        self.apply()

    def apply(self) -> None:
        self.objects = [dict(obj) for obj in load_objects(self.spec(), self.local.context()).objects]
        for obj in self.objects:
            entry = {"manager": "eks-assets", "operation": "Apply", "time": "2026-01-01T00:00:00Z"}
            obj["metadata"]["managedFields"] = [
                {**entry, "fieldsV1": {"f:metadata": {"f:annotations": {ANNOTATION: {}}}}}
            ]

    def spec(self) -> GitManifests:
        tree = cast(GitTree[NoOutputs], self.local.spec(pinned=self.pinned))
        return GitManifests(tree=tree, paths=(SHOP,), group="products", commit=self.local.head(BRANCH))

    def drift(self) -> Drift:
        return GitManifestsDriver().drift(self.spec(), self.local.context())

    def _listed(self, kind: str, _: Any) -> list[Object]:
        return [obj for obj in self.objects if obj["kind"] == kind]


@pytest.mark.parametrize("pinned", [True, False])
def test_commit_on_the_branch_is_no_drift_of_what_is_applied(
    local: LocalRepository, monkeypatch: pytest.MonkeyPatch, pinned: bool
) -> None:
    """The files that the branch has now are for the plan; a change in the cluster is a finding all the same."""
    deployed = Deployed(local, monkeypatch, pinned=pinned)
    assert deployed.drift() == Drift()
    local.replace(BRANCH, SHOP, "acme.example", "other.example", "Another host")
    assert deployed.drift() == Drift()
    deployed.objects[0]["spec"]["template"]["spec"]["source"]["helm"]["valuesObject"]["host"] = "evil.example"
    (finding,) = deployed.drift().findings
    assert (finding.field.path, finding.field.before, finding.field.after) == (HOST, "acme.example", "evil.example")


def test_forged_commit_is_not_believed(local: LocalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who pushes a commit and has the live object name it has changed the object; no commit of ours is named so."""
    deployed = Deployed(local, monkeypatch, pinned=True)
    ours = local.head(BRANCH)
    theirs = local.replace(BRANCH, SHOP, "acme.example", "evil.example", "Another host")
    spec = deployed.spec().model_copy(update={"commit": ours})
    (live,) = deployed.objects
    live["spec"]["template"]["spec"]["source"]["helm"]["valuesObject"]["host"] = "evil.example"
    live["metadata"]["annotations"]["eks-assets/commit"] = theirs
    findings = GitManifestsDriver().drift(spec, local.context()).findings
    assert {f.field.path for f in findings} == {HOST, "metadata.annotations.eks-assets/commit"}


def test_commit_that_is_gone_is_unchecked(local: LocalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what was applied then; a text that is no commit is none that git is asked for."""
    deployed = Deployed(local, monkeypatch, pinned=False)
    for gone in ("0" * 39 + "1", "HEAD"):
        deployed.objects[0]["metadata"]["annotations"]["eks-assets/commit"] = gone
        drift = deployed.drift()
        assert (drift.findings, [entry.object for entry in drift.unchecked]) == (
            (),
            ["ApplicationSet argocd/storefront"],
        )


def test_deleted_and_new_object(local: LocalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that its commit has is missing; nothing of the group there at all was never applied."""
    local.commit(
        "main",
        {
            SHOP: local.read("main", SHOP)
            + "---\n"
            + local.read("main", SHOP).replace("name: storefront", "name: second", 1)
        },
        "Two of them",
    )
    deployed = Deployed(local, monkeypatch, pinned=True)
    gone = deployed.objects.pop()
    (finding,) = deployed.drift().findings
    assert (finding.kind, finding.object) == ("missing", f"ApplicationSet argocd/{gone['metadata']['name']}")
    deployed.objects.clear()
    assert deployed.drift() == Drift(is_pending=True)
