"""Where plans are approved, what others push to the environment's branch is a difference, and never what is applied."""

from __future__ import annotations

from typing import Any, cast

import pytest

from resources.config.names import ledger_bucket
from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.git.manifests import load_objects
from resources.model.change import Change
from resources.model.errors import ApprovalStale, ConfigError
from resources.model.outputs import NoOutputs
from resources.model.specs import GitManifests, GitTree
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH, SHOP, Head

VALUES = "storefront/chart/values.yaml"


def plan(repository: LocalRepository, **changes: Any) -> Change:
    spec, driver = repository.spec(pinned=True, **changes), GitTreeDriver()
    return driver.plan(spec, driver.observe(spec, repository.context()))


def apply(repository: LocalRepository, **changes: Any) -> str:
    """Deploys, and returns the commit that Argo CD is told."""
    GitTreeDriver().apply(repository.spec(pinned=True, **changes), repository.context())
    return told(repository)


def told(repository: LocalRepository) -> str:
    outputs = GitTreeDriver().outputs(repository.spec(pinned=True), repository.context())
    assert isinstance(outputs, Head)
    return outputs.commit


def source_of(repository: LocalRepository, commit: str) -> dict[str, Any]:
    """The source of storefront's ApplicationSet as it is applied."""
    tree = cast(GitTree[NoOutputs], repository.spec(pinned=True))
    spec = GitManifests(tree=tree, paths=(SHOP,), group="products", commit=commit)
    (applied,) = load_objects(spec, repository.context()).objects
    source: dict[str, Any] = applied["spec"]["template"]["spec"]["source"]
    return source


def test_what_is_applied_names_the_commit(local: LocalRepository) -> None:
    """An ApplicationSet that named the branch gave whoever can push to it the cluster."""
    commit = apply(local)
    assert commit == local.head(BRANCH)
    assert source_of(local, commit)["targetRevision"] == commit
    assert f"targetRevision: {BRANCH}\n" in local.read(BRANCH, SHOP), "the branch itself can't name its own commit"
    assert plan(local).action == "none"


@pytest.mark.parametrize("path", [SHOP, VALUES, "README.md"])
def test_a_push_is_shown_with_commit_and_author_and_is_not_applied(local: LocalRepository, path: str) -> None:
    ours = apply(local)
    pushed = local.commit(BRANCH, {path: local.read(BRANCH, path) + "# more\n"}, "Three of them")
    assert told(local) == ours
    change = plan(local)
    assert (change.action, [field.path for field in change.fields]) == ("update", [path])
    assert f"{pushed[:12]} by Pat <pat@acme.example> (Three of them)" in change.reason
    assert "not applied before this is approved" in change.reason


def test_a_push_becomes_part_of_the_next_deploy_that_is_approved(local: LocalRepository) -> None:
    ours = apply(local)
    local.replace(BRANCH, VALUES, "replicas: 2", "replicas: 3", "Three of them")
    theirs = local.head(BRANCH)
    commit = apply(local)
    assert commit == local.head(BRANCH) != theirs
    assert local.git("rev-parse", f"{commit}^") == theirs, "nothing is forced"
    assert local.git("diff", "--name-only", ours, commit) == VALUES
    assert plan(local).action == "none"


def test_a_push_that_is_undone_needs_no_approval(local: LocalRepository) -> None:
    ours = apply(local)
    local.replace(BRANCH, VALUES, "replicas: 2", "replicas: 3", "Three of them")
    local.replace(BRANCH, VALUES, "replicas: 3", "replicas: 2", "Two again")
    change = plan(local)
    assert change.action == "none"
    assert "(Three of them)" in change.reason
    assert told(local) == ours


def test_a_push_between_plan_and_apply_stops_it(local: LocalRepository) -> None:
    apply(local)
    local.replace("main", VALUES, "replicas: 2", "replicas: 4", "Four of them")
    context = local.context()
    context.approved = GitTreeDriver().observe(local.spec(pinned=True), context)
    local.commit(BRANCH, {"NOTES.md": "By another.\n"}, "Notes")
    with pytest.raises(ApprovalStale, match="has moved since it was approved"):
        GitTreeDriver().apply(local.spec(pinned=True), context)


def test_the_plan_has_the_tree_that_the_commit_carries(local: LocalRepository) -> None:
    planned = plan(local).facts["tree"]
    commit = apply(local)
    assert local.git("rev-parse", f"{commit}^{{tree}}") == planned


def test_a_branch_that_only_others_have_made_gets_a_commit_of_ours(local: LocalRepository) -> None:
    """Also where nothing in it would change."""
    local.git("branch", BRANCH, "main")
    rendered = local.read("main", SHOP)
    for name, value in local.spec().variables.items():
        rendered = rendered.replace(f"${{{name}}}", value)
    local.commit(BRANCH, {SHOP: rendered}, "envsubst")
    change = plan(local)
    assert change.action == "update"
    assert SHOP in [field.path for field in change.fields]
    assert "by Pat <pat@acme.example> (envsubst)" in change.reason
    head = local.head(BRANCH)
    assert apply(local) == local.head(BRANCH) != head
    assert plan(local).action == "none"


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        (SHOP, f"targetRevision: {BRANCH}", "targetRevision: HEAD", "targetRevision is HEAD, which follows"),
        (SHOP, f"        targetRevision: {BRANCH}\n", "", "targetRevision is not set, which follows"),
        ("storefront/chart/templates/more.yaml", "", "kind: Application", "app: spec.source.targetRevision is develop"),
    ],
)
def test_what_follows_a_branch_by_itself_is_refused(
    local: LocalRepository, path: str, old: str, new: str, words: str
) -> None:
    apply(local)
    if old:
        local.replace(BRANCH, path, old, new, "Follow")
    else:
        source = f"  source: {{repoURL: '{local.address}', targetRevision: {BRANCH}, path: x}}\n"
        head = f"apiVersion: argoproj.io/v1alpha1\n{new}\nmetadata: {{name: app}}\n"
        local.commit(BRANCH, {path: f"{{{{- if .Values.more }}}}\n{head}spec:\n{source}{{{{- end }}}}\n"}, "Follow")
    with pytest.raises(ConfigError, match=f"(?s){path}.*{words}"):
        plan(local)


class TestRecords:
    def test_every_commit_is_recorded_before_it_is_pushed(self, local: LocalRepository) -> None:
        local.hook("pre-receive", "exit 1")
        with pytest.raises(Exception, match="does not take a push"):
            apply(local)
        assert sum(key.startswith("pushes/") for key in self.keys(local)) == 3
        local.git("config", "--unset", "core.hooksPath")
        commit = apply(local)
        assert {"pushes/first.json", f"pushes/{commit}.json"} <= set(self.keys(local))

    @pytest.mark.parametrize("pinned", [True, False])
    def test_a_commit_with_our_author_and_trailers_is_not_ours(self, local: LocalRepository, pinned: bool) -> None:
        """A forged base made the merge keep or drop what its writer wanted: here the pipeline's own change is lost."""
        spec, driver = local.spec(pinned=pinned), GitTreeDriver()
        driver.apply(spec, local.context())
        ours = local.head(BRANCH)
        local.replace("main", VALUES, "replicas: 2", "replicas: 5", "Five of them")
        forged = local.forge(local.head("main"))
        observed = driver.observe(spec, local.context())
        assert observed is not None
        change = driver.plan(spec, observed)
        assert [difference.path for difference in observed.desired["differences"]] == [VALUES]
        assert f"{forged[:12]} by eks-assets <eks-assets@localhost> (Render)" in change.reason
        assert isinstance(observed.outputs, Head)
        assert observed.outputs.commit == (ours if pinned else forged)

    @pytest.mark.parametrize("pinned", [True, False])
    def test_what_an_older_version_pushed_is_adopted_once(self, local: LocalRepository, pinned: bool) -> None:
        """By a deploy, as a change that a plan shows; a plan writes nothing."""
        spec, driver = local.spec(pinned=pinned), GitTreeDriver()
        driver.apply(spec, local.context())
        old = local.head(BRANCH)
        self.forget(local)
        change = driver.plan(spec, driver.observe(spec, local.context()))
        assert [(field.path, field.after) for field in change.fields] == [("recorded", old)]
        assert not self.keys(local)
        driver.apply(spec, local.context())
        assert local.head(BRANCH) == old
        assert driver.plan(spec, driver.observe(spec, local.context())).action == "none"
        branches = {key for key in self.keys(local) if key.startswith("pushes/branches/")}
        assert {"pushes/first.json", f"pushes/{old}.json"} == set(self.keys(local)) - branches
        assert len(branches) == 1

    def test_nothing_is_adopted_once_there_are_records(self, local: LocalRepository) -> None:
        """Not even where our own commits are gone from the branch."""
        apply(local)
        local.git("update-ref", f"refs/heads/{BRANCH}", local.head("main"))
        forged = local.forge(local.head("main"))
        assert GitTreeDriver().outputs(local.spec(pinned=True), local.context()) is None
        assert forged[:12] in plan(local).reason

    def test_a_commit_of_another_author_is_not_adopted(self, local: LocalRepository) -> None:
        local.git("branch", BRANCH, "main")
        local.forge(local.head("main"), author="Pat <pat@acme.example>")
        assert "recorded" not in [field.path for field in plan(local).fields]

    def keys(self, local: LocalRepository) -> list[str]:
        context = local.context()
        listed = context.aws.client("s3").list_objects_v2(Bucket=ledger_bucket(context.env))
        return [item["Key"] for item in listed.get("Contents", [])]

    def forget(self, local: LocalRepository) -> None:
        context = local.context()
        for key in self.keys(local):
            context.aws.client("s3").delete_object(Bucket=ledger_bucket(context.env), Key=key)
