"""What others push to the environment's branch behind the pipeline's back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from eks_assets.engine.history import list_history
from resources.aws.session import Source
from resources.config.environment import Environment
from resources.config.names import ledger_bucket
from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.git.drift import commits_by_others
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, Drift
from resources.model.errors import NotFound, OperationFailed
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.embedded_aws_server import Aws
from tests.helpers.git_repository import BRANCH, SHOP

VALUES = "storefront/chart/values.yaml"
PAT = "Pat <pat@acme.example>"


def drift(local: LocalRepository, **changes: Any) -> Drift:
    return GitTreeDriver().drift(local.spec(**{"pinned": True, **changes}), local.context())


def deploy(local: LocalRepository, **changes: Any) -> str:
    GitTreeDriver().apply(local.spec(**{"pinned": True, **changes}), local.context())
    return local.head(BRANCH)


def test_pushed_commits_are_findings_with_their_authors(local: LocalRepository) -> None:
    """Field by field of what is applied, as a whole of other files; in the environment that is pinned."""
    deploy(local)
    assert drift(local) == Drift()
    local.replace(BRANCH, SHOP, "acme.example", "evil.example", "Another host")
    first = local.head(BRANCH)
    second = local.commit(BRANCH, {"NOTES.md": "By Pat.\n"}, "Notes")
    findings = {finding.object: finding for finding in drift(local).findings}
    assert set(findings) == {f"{SHOP} on {BRANCH}", f"NOTES.md on {BRANCH}"}
    host, notes = findings[f"{SHOP} on {BRANCH}"], findings[f"NOTES.md on {BRANCH}"]
    assert host.field.path.endswith("valuesObject.host")
    assert (host.field.before, host.field.after) == ("acme.example", "evil.example")
    assert (host.layer, host.kind, host.culprit) == ("git", "changed", f"{PAT} in {first[:12]}")
    assert (notes.kind, notes.culprit, notes.field.before) == ("extra", f"{PAT} in {second[:12]}", None)
    assert host.since[:2] == "20"


def test_what_the_file_asks_for_now_is_pending(local: LocalRepository) -> None:
    """Other variables, and a template that moved on, are for the plan to show."""
    deploy(local)
    local.replace("main", VALUES, "replicas: 2", "replicas: 4", "Four of them")
    assert drift(local, variables={"APP_DOMAIN": "other.example"}) == Drift()


def test_commit_without_a_file_and_commit_undone(local: LocalRepository) -> None:
    """The branch's head was moved, though nothing in it differs."""
    ours = deploy(local)
    local.replace(BRANCH, VALUES, "replicas: 2", "replicas: 3", "Three of them")
    local.replace(BRANCH, VALUES, "replicas: 3", "replicas: 2", "Two again")
    (finding,) = drift(local).findings
    assert (finding.object, finding.field) == (f"branch {BRANCH}", FieldChange("head", ours, local.head(BRANCH)))
    assert finding.culprit.startswith(PAT)


def test_in_an_environment_that_follows_its_branch_a_commit_is_history(local: LocalRepository) -> None:
    """That is how it is meant to be used; a branch without any commit of ours is not."""
    deploy(local, pinned=False)
    local.commit(BRANCH, {"NOTES.md": "By Pat.\n"}, "Notes")
    assert drift(local, pinned=False) == Drift()


def test_commits_by_others_are_told_by_the_ledger_and_not_by_their_times(local: LocalRepository) -> None:
    """Neither the base's commits nor the pipeline's own; whatever time a commit claims, and whether it is undone."""
    begin = dt.datetime.now(dt.UTC)
    assert commits_by_others(local.spec(), local.context(), begin) == []
    deploy(local, pinned=False)
    assert commits_by_others(local.spec(), local.context(), begin) == []
    first = local.commit(BRANCH, {"NOTES.md": "By Pat.\n"}, "Notes")
    local.replace("main", VALUES, "replicas: 2", "replicas: 4", "Four of them")
    deploy(local, pinned=False)
    since = dt.datetime.now(dt.UTC)
    second = local.commit(BRANCH, {"NOTES.md": "By Pat again.\n"}, "Notes")
    assert [c.id for c in commits_by_others(local.spec(), local.context(), begin)] == [second, first]
    (later,) = commits_by_others(local.spec(), local.context(), since)
    assert (later.id, later.author) == (second, PAT)
    told = list_history(local.context(), begin, trees={"application_config": local.spec()})
    committed = [(event.unit, event.who, event.detail) for event in told.events if event.kind == "committed"]
    assert sorted(committed) == sorted(("application_config", PAT, f"{c[:12]} on {BRANCH}") for c in (first, second))
    gone = list_history(local.context(), begin, trees={"application_config": local.spec(repository="file:///none")})
    assert (gone.events, gone.ignored) == ((), ())


@pytest.mark.parametrize("pinned", [True, False])
def test_deleted_and_rewritten_branch(local: LocalRepository, pinned: bool) -> None:
    """Somebody deletes the branch, or pushes other commits over ours by force. Both are restored by a deploy."""
    assert drift(local, pinned=pinned) == Drift(is_pending=True), "nothing was pushed yet"
    deploy(local, pinned=pinned)
    local.git("branch", "-D", BRANCH)
    (gone,) = drift(local, pinned=pinned).findings
    assert (gone.object, gone.kind, gone.field.before) == (f"branch {BRANCH}", "missing", EXISTS)

    local.git("branch", BRANCH, "main")
    local.commit(BRANCH, {"NOTES.md": "By Pat.\n"}, "Mine now")
    (taken,) = drift(local, pinned=pinned).findings
    assert (taken.field.path, taken.culprit) == ("head", f"{PAT} in {local.head(BRANCH)[:12]}")


def test_branch_that_an_earlier_version_pushed_to(
    local: LocalRepository, embedded_aws: Aws, prod_env: Environment, ledger: Source
) -> None:
    """Its records name no branch: where it is gone, nobody can tell whether it was there."""
    deploy(local)
    client, bucket = embedded_aws.client("s3"), ledger_bucket(prod_env)
    for item in client.list_objects_v2(Bucket=bucket, Prefix="pushes/branches/")["Contents"]:
        client.delete_object(Bucket=bucket, Key=item["Key"])
    assert drift(local) == Drift()
    local.git("branch", "-D", BRANCH)
    assert [entry.object for entry in drift(local).unchecked] == [f"branch {BRANCH}"]


def test_repository_that_is_gone_is_no_pending_unit(local: LocalRepository) -> None:
    """What was pushed to and cannot be found is a failed read, as nobody knows what became of it."""
    deploy(local)
    local.git("symbolic-ref", "HEAD", "refs/heads/none")
    with pytest.raises(OperationFailed, match="has no default branch"):
        drift(local)
    with pytest.raises(NotFound):
        drift(local, branch="never/pushed")
