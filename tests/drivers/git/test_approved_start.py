"""Behind the gate what is pushed and applied is what was approved, byte for byte: whatever moves meanwhile stops it."""

from __future__ import annotations

from typing import cast

import pytest

from resources.context import Context
from resources.drivers.git import manifests
from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.git.manifests import GitManifestsDriver, load_objects
from resources.drivers.git.repository import Git
from resources.drivers.manifests import ManifestsDriver
from resources.model.change import Change, FieldChange, Observed
from resources.model.errors import ApprovalStale
from resources.model.outputs import NoOutputs
from resources.model.specs import GitManifests, GitTree, Manifests
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH, SHOP


@pytest.fixture
def repository(local: LocalRepository) -> LocalRepository:
    """The example repository, with the environment's branch, which lacks the newest template."""
    made = local
    GitTreeDriver().apply(made.spec(), made.context())
    made.replace("main", SHOP, "prune: true", "prune: false", "Prune nothing")
    return made


def approved(repository: LocalRepository) -> Context:
    """A context whose observation people have approved."""
    context = repository.context()
    context.approved = GitTreeDriver().observe(repository.spec(), context)
    return context


def test_what_was_approved_is_pushed(repository: LocalRepository) -> None:
    GitTreeDriver().apply(repository.spec(), approved(repository))
    assert "prune: false" in repository.read(BRANCH, SHOP)


@pytest.mark.parametrize("moved", ["main", BRANCH])
@pytest.mark.parametrize("file", [SHOP, "NOTES.md"])
def test_a_branch_that_moved_since_stops_it(repository: LocalRepository, moved: str, file: str) -> None:
    """Red team, finding 13: `image: unapproved` of a base that moved after the approval was pushed."""
    context = approved(repository)
    old = repository.read(moved, SHOP) if file == SHOP else ""
    repository.commit(moved, {file: f"{old}# by another\n"}, "Unapproved")
    before = repository.head(BRANCH)
    with pytest.raises(ApprovalStale, match="has moved since it was approved"):
        GitTreeDriver().apply(repository.spec(), context)
    assert repository.head(BRANCH) == before


def test_a_push_that_comes_second_is_not_tried_again(
    repository: LocalRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, push = approved(repository), Git.push
    pushes: list[str] = []

    def late(git: Git, commit: str) -> None:
        pushes.append(commit)
        repository.commit(BRANCH, {"NOTES.md": "By another.\n"}, "Notes")
        push(git, commit)

    monkeypatch.setattr(Git, "push", late)
    with pytest.raises(ApprovalStale, match="has moved since it was approved"):
        GitTreeDriver().apply(repository.spec(), context)
    assert len(pushes) == 1
    assert repository.subjects(BRANCH)[0] == "Notes"


def test_commit_of_the_objects_is_a_fact_of_the_plan(repository: LocalRepository) -> None:
    """Once the branch is pushed the plan says which commit its objects are rendered from; before that, none."""
    tree = cast(GitTree[NoOutputs], repository.spec())
    spec = GitManifests(tree=tree, paths=(SHOP,), group="products", commit="abc")
    driver, change = GitManifestsDriver(), Change("update", (FieldChange("x", 1, 2),), "differs")
    assert driver.preview(spec, None, change, repository.context()).facts == {}
    GitTreeDriver().apply(repository.spec(), repository.context())
    facts = driver.preview(spec, None, change, repository.context()).facts
    assert facts == {"commit": repository.head(BRANCH)}


def test_objects_are_those_that_were_approved(repository: LocalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the files of the branch are others by then, and strays have come that nobody approved to remove."""
    tree = cast(GitTree[NoOutputs], repository.spec())
    spec = GitManifests(tree=tree, paths=(SHOP,), group="products", commit="abc", prune=True)
    context, applied, removed = repository.context(), list[Manifests](), list[str]()
    stray, late = ({"kind": "AppProject", "metadata": {"name": name, "namespace": "argocd"}} for name in ("a", "b"))
    wanted = load_objects(spec, context)
    context.approved = Observed("applied", {"wanted": wanted, "live": None, "strays": [stray]})
    monkeypatch.setattr(ManifestsDriver, "apply", lambda self, objects, context: applied.append(objects))
    monkeypatch.setattr(ManifestsDriver, "observe", lambda *_: None)
    monkeypatch.setattr(manifests, "refresh_applications", lambda context: None)
    monkeypatch.setattr(manifests, "_of_group", lambda *_: [stray, late])
    monkeypatch.setattr(manifests, "_delete", lambda context, obj: removed.append(obj["metadata"]["name"]))
    repository.replace("main", SHOP, "prune: false", "prune: true", "Unapproved")
    context.cache.clear()
    GitManifestsDriver().apply(spec, context)
    assert applied == [wanted]
    assert removed == ["a"]
