"""An earlier content of the environment's branch, wanted again: a commit on top, which holds until somebody moves a
branch."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.git.merge import load_reading
from resources.drivers.git.restore import find_restore
from resources.model.errors import NotFound
from resources.model.specs import Restore
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH

VALUES = "storefront/chart/values.yaml"
pinning = pytest.mark.parametrize("pinned", [False, True], ids=["followed", "pinned"])


def deploy(repository: LocalRepository, *, pinned: bool, restore: Restore | None = None) -> str:
    """The head of the branch afterwards."""
    GitTreeDriver().apply(repository.spec(pinned=pinned, restore=restore), repository.context())
    return repository.head(BRANCH)


def planned(repository: LocalRepository, *, pinned: bool, restore: Restore | None) -> list[str]:
    """The fields that a deploy would change."""
    spec, driver = repository.spec(pinned=pinned, restore=restore), GitTreeDriver()
    return [field.path for field in driver.plan(spec, driver.observe(spec, repository.context())).fields]


def pause() -> dt.datetime:
    """A time between two commits, whose own are whole seconds."""
    time.sleep(1.1)
    now = dt.datetime.now(dt.UTC)
    time.sleep(1.1)
    return now


def restore_to(repository: LocalRepository, at: dt.datetime, *, pinned: bool) -> Restore:
    restore = find_restore(repository.spec(pinned=pinned), repository.context(), at)
    assert restore is not None
    return restore


def is_held(repository: LocalRepository, restore: Restore, *, pinned: bool) -> bool:
    return load_reading(repository.spec(pinned=pinned, restore=restore), repository.context()).is_restored


@pinning
def test_bad_commit_on_the_branch_is_taken_back_by_a_commit(local: LocalRepository, pinned: bool) -> None:
    """Nothing is forced, and nothing differs afterwards."""
    deploy(local, pinned=pinned)
    good = pause()
    bad = local.replace(BRANCH, VALUES, "replicas: 2", "replicas: 0", "Save money")
    deploy(local, pinned=pinned)
    restore = restore_to(local, good, pinned=pinned)
    assert planned(local, pinned=pinned, restore=restore) == [VALUES]
    head = deploy(local, pinned=pinned, restore=restore)
    assert "replicas: 2" in local.read(BRANCH, VALUES)
    assert bad in local.git("rev-list", head).split(), "the commit stays in the history"
    assert local.subjects(BRANCH)[0].startswith("Restore the applications of")
    assert planned(local, pinned=pinned, restore=restore) == []
    assert deploy(local, pinned=pinned, restore=restore) == head


@pinning
def test_whoever_follows_the_branch_never_sees_the_bad_content_again(local: LocalRepository, pinned: bool) -> None:
    """ADR 22: why Argo CD's auto-sync may stay on. The branch moves once, from the bad content to the earlier one, also
    where the base branch still has the bad content; and no deploy moves it after that."""
    first = deploy(local, pinned=pinned)
    good = pause()
    local.replace("main", VALUES, "replicas: 2", "replicas: 0", "Save money")
    bad = deploy(local, pinned=pinned)
    assert "replicas: 0" in local.read(BRANCH, VALUES)
    restore = restore_to(local, good, pinned=pinned)
    head = deploy(local, pinned=pinned, restore=restore)
    assert local.git("rev-list", "--first-parent", f"{bad}..{head}").split() == [head]
    assert local.git("rev-parse", f"{head}^{{tree}}") == local.git("rev-parse", f"{first}^{{tree}}")
    for _ in range(2):
        assert deploy(local, pinned=pinned, restore=restore) == head


@pinning
def test_bad_template_is_held_back_until_the_base_branch_moves(local: LocalRepository, pinned: bool) -> None:
    """Then all of it comes, the fix included."""
    deploy(local, pinned=pinned)
    good = pause()
    local.replace("main", VALUES, "replicas: 2", "replicas: 0", "Save money")
    deploy(local, pinned=pinned)
    restore = restore_to(local, good, pinned=pinned)
    deploy(local, pinned=pinned, restore=restore)
    assert "replicas: 2" in local.read(BRANCH, VALUES)
    assert planned(local, pinned=pinned, restore=restore) == []

    local.replace("main", VALUES, "replicas: 0", "replicas: 3", "Save less money")
    assert not is_held(local, restore, pinned=pinned)
    deploy(local, pinned=pinned, restore=restore)
    assert "replicas: 3" in local.read(BRANCH, VALUES)


@pinning
def test_end_of_the_hold_brings_the_base_branch_back(local: LocalRepository, pinned: bool) -> None:
    deploy(local, pinned=pinned)
    good = pause()
    local.replace("main", VALUES, "replicas: 2", "replicas: 0", "Save money")
    deploy(local, pinned=pinned)
    deploy(local, pinned=pinned, restore=restore_to(local, good, pinned=pinned))
    deploy(local, pinned=pinned)
    assert "replicas: 0" in local.read(BRANCH, VALUES)


@pinning
def test_somebody_who_fixes_it_on_the_branch_ends_the_hold(local: LocalRepository, pinned: bool) -> None:
    deploy(local, pinned=pinned)
    good = pause()
    local.replace(BRANCH, VALUES, "replicas: 2", "replicas: 0", "Save money")
    deploy(local, pinned=pinned)
    restore = restore_to(local, good, pinned=pinned)
    deploy(local, pinned=pinned, restore=restore)
    local.replace(BRANCH, VALUES, "replicas: 2", "replicas: 3", "Fix it")
    assert not is_held(local, restore, pinned=pinned)
    deploy(local, pinned=pinned, restore=restore)
    assert "replicas: 3" in local.read(BRANCH, VALUES)


@pinning
def test_nothing_to_go_back_to(local: LocalRepository, pinned: bool) -> None:
    """Before our first commit there is nothing; where nothing changed since, nothing is wanted."""
    long_ago = pause()
    deploy(local, pinned=pinned)
    spec, context = local.spec(pinned=pinned), local.context()
    with pytest.raises(NotFound, match="has no commit of the pipeline from before"):
        find_restore(spec, context, long_ago)
    assert find_restore(spec, context, pause()) is None
