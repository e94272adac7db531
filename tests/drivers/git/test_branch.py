"""The GitTree driver: real git, over HTTP, with the token from the embedded Secrets Manager."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.graph.unit import AnyUnit, unit
from resources.config.environment import Environment
from resources.drivers.git.branch import GitTreeDriver, plan_digest
from resources.drivers.git.merge import rendered_files
from resources.drivers.git.repository import Git
from resources.model.checks import BranchHead
from resources.model.errors import OperationFailed
from resources.model.specs import GitTree
from resources.probes.runner import run_probe
from tests.helpers.git_repository import ARN, BRANCH, SHOP, Deployer, Head, Repository
from tests.helpers.materialization import Materialize, shown

pytestmark = pytest.mark.sandbox


def test_new_branch_has_one_traceable_commit(deploy: Deployer, repository: Repository) -> None:
    """The commit names environment, plan and template, and the files are rendered."""
    change = deploy(author="ACME Platform <platform@acme.example>")
    assert change.action == "create"
    assert repository.subjects(BRANCH) == ["Render the applications of sandbox", "The example applications"]
    rendered = repository.read(BRANCH, SHOP)
    assert "host: demo-sandbox.sandbox.test\n" in rendered
    assert f"repoURL: {repository.address}\n" in rendered
    assert "${" not in rendered
    assert '"{{ .product }}"' in rendered
    message = repository.git("log", "-1", "--format=%an <%ae>%n%B", BRANCH)
    assert message.startswith("ACME Platform <platform@acme.example>\n")
    assert "\nEks-Assets-Environment: sandbox\n" in message
    assert f"\nEks-Assets-Plan: {plan_digest(change)}\n" in message
    assert f"\nEks-Assets-Template: {repository.head('main')}\n" in message


def test_second_apply_changes_nothing(deploy: Deployer, repository: Repository) -> None:
    """Without changes there is no commit."""
    deploy()
    before = repository.head(BRANCH)
    assert deploy().action == "none"
    GitTreeDriver().apply(deploy.spec(), deploy.context())
    assert repository.head(BRANCH) == before


def test_changed_value_is_one_commit_and_one_field(deploy: Deployer, repository: Repository) -> None:
    """The plan names the file and the field."""
    deploy()
    change = deploy(variables={"APP_DOMAIN": "shop.acme.example"})
    assert (change.action, len(repository.subjects(BRANCH))) == ("update", 3)
    field = next(f for f in change.fields if f.path.startswith(SHOP))
    assert field.path == f"{SHOP} spec.template.spec.source.helm.valuesObject.host"
    assert (field.before, field.after) == ("demo-sandbox.sandbox.test", "shop.acme.example")
    assert "host: shop.acme.example\n" in repository.read(BRANCH, SHOP)


def test_outputs_and_files_are_those_of_the_branch(deploy: Deployer, repository: Repository) -> None:
    """What is planned is what the branch holds afterwards."""
    planned = rendered_files(deploy.spec(), deploy.context())
    deploy()
    context = deploy.context()
    observed = GitTreeDriver().observe(deploy.spec(), context)
    assert observed is not None
    head = Head(commit=repository.head(BRANCH), branch=BRANCH, repository=repository.address)
    assert observed.outputs == head
    assert rendered_files(deploy.spec(), context) == planned
    assert sorted(planned) == [
        "istio/istio-app/applicationset.yaml",
        "payments/payments-app/applicationset.yaml",
        "projects/platform.yaml",
        "projects/products.yaml",
        SHOP,
    ]
    assert f"certificateArn: {ARN}\n" in planned["istio/istio-app/applicationset.yaml"]


def test_changes_on_main_reach_the_branch(deploy: Deployer, repository: Repository) -> None:
    """New templates and charts of main are rendered into the branch."""
    deploy()
    repository.replace("main", SHOP, "    spec:\n", "    spec:\n      revisionHistoryLimit: 3\n", "Keep less history")
    repository.replace("main", "storefront/chart/values.yaml", "replicas: 2", "replicas: 3", "One more")
    change = deploy()
    assert {f.path.split()[0] for f in change.fields} == {SHOP, "storefront/chart/values.yaml"}
    rendered = repository.read(BRANCH, SHOP)
    assert "revisionHistoryLimit: 3\n" in rendered
    assert "host: demo-sandbox.sandbox.test\n" in rendered
    assert "replicas: 3\n" in repository.read(BRANCH, "storefront/chart/values.yaml")
    assert deploy().action == "none"


class TestPeopleOnTheBranch:
    def test_commit_by_hand_survives_later_renderings(self, deploy: Deployer, repository: Repository) -> None:
        """A person's commits on the branch are kept by merging."""
        deploy()
        repository.replace(BRANCH, SHOP, "prune: true", "prune: false", "Prune nothing here")
        repository.commit(BRANCH, {"NOTES.md": "By hand.\n"}, "Notes")
        assert deploy().action == "none"
        deploy(variables={"APP_DOMAIN": "shop.acme.example"})
        rendered = repository.read(BRANCH, SHOP)
        assert "prune: false" in rendered
        assert "host: shop.acme.example\n" in rendered
        assert repository.read(BRANCH, "NOTES.md") == "By hand.\n"
        assert repository.subjects(BRANCH)[1:3] == ["Notes", "Prune nothing here"]

    def test_commit_between_clone_and_push_is_kept(
        self, deploy: Deployer, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A commit that comes between clone and push is merged and the push repeated."""
        deploy()
        push, pushes = Git.push, []

        def late(*arguments: Any) -> None:
            pushes.append(1)
            if len(pushes) == 1:
                repository.commit(BRANCH, {"NOTES.md": "By hand.\n"}, "Notes")
            push(*arguments)

        monkeypatch.setattr(Git, "push", late)
        deploy(variables={"APP_DOMAIN": "shop.acme.example"})
        assert repository.subjects(BRANCH)[:2] == ["Render the applications of sandbox", "Notes"]
        assert repository.read(BRANCH, "NOTES.md") == "By hand.\n"
        assert "host: shop.acme.example\n" in repository.read(BRANCH, SHOP)
        assert [line for line in deploy.said if "has moved (push 1 of 5)" in line]

    def test_branch_that_someone_creates_first_is_kept(
        self, deploy: Deployer, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A branch that someone creates before our push is merged."""
        push, pushes = Git.push, []

        def late(*arguments: Any) -> None:
            pushes.append(1)
            if len(pushes) == 1:
                repository.git("branch", BRANCH, "main")
                repository.commit(BRANCH, {"NOTES.md": "By hand.\n"}, "Notes")
            push(*arguments)

        monkeypatch.setattr(Git, "push", late)
        deploy()
        assert repository.subjects(BRANCH)[:2] == ["Render the applications of sandbox", "Notes"]

    def test_branch_rendered_by_a_script_is_adopted(self, deploy: Deployer, repository: Repository) -> None:
        """A branch rendered by envsubst is continued."""
        repository.git("branch", BRANCH, "main")
        text = repository.read("main", SHOP).replace("${APP_DOMAIN}", "demo-sandbox.sandbox.test")
        repository.commit(BRANCH, {SHOP: text}, "envsubst")
        repository.commit("main", {"NOTES.md": "New on main.\n"}, "Notes")
        deploy()
        assert "${" not in repository.read(BRANCH, SHOP)
        assert repository.read(BRANCH, "NOTES.md") == "New on main.\n"
        assert deploy().action == "none"

    def test_own_last_commit_is_found_below_sixty_others(self, deploy: Deployer, repository: Repository) -> None:
        """Our last commit is the merge base, however many commits follow."""
        deploy()
        tree = repository.git("rev-parse", f"{BRANCH}^{{tree}}")
        head = repository.head(BRANCH)
        for number in range(60):
            head = repository.git("commit-tree", tree, "-p", head, "-m", f"Empty {number}")
        repository.git("update-ref", f"refs/heads/{BRANCH}", head)
        deploy(variables={"APP_DOMAIN": "shop.acme.example"})
        assert len(repository.subjects(BRANCH)) == 63
        assert "host: shop.acme.example\n" in repository.read(BRANCH, SHOP)

    def test_conflict_with_a_commit_by_hand_pushes_nothing(self, deploy: Deployer, repository: Repository) -> None:
        """A conflict is an error that names the file, and nothing is pushed."""
        deploy()
        theirs = repository.replace(BRANCH, SHOP, "host: demo-sandbox.sandbox.test", "host: by.hand", "Mine")
        with pytest.raises(OperationFailed, match=f"change the same lines of {SHOP}"):
            deploy(variables={"APP_DOMAIN": "shop.acme.example"})
        assert repository.head(BRANCH) == theirs


def test_git_tree_unit_is_materialized_with_its_check(
    materialize: Materialize, repository: Repository, deploy: Deployer
) -> None:
    """The unit's check passes, and fails after the branch was changed."""
    made = deploy.spec()

    def gitops(env: Environment) -> GitTree[Head]:
        """The branch."""
        return made

    branch: AnyUnit = unit(wave="applications")(gitops)
    result = materialize(branch)
    assert shown(result, "gitops")["result"].startswith("created in")
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True]
    assert shown(materialize(branch), "gitops")["result"].startswith("nothing to do")
    repository.replace("main", SHOP, "prune: true", "prune: false", "Prune nothing")
    health = run_probe(BranchHead(), made, deploy.context())
    assert not health.passed
    assert SHOP in health.detail
