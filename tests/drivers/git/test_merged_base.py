"""A person brings the base branch into the environment's branch, as the button "Update branch" does."""

from __future__ import annotations

import pytest

from resources.drivers.git.branch import GitTreeDriver
from resources.model.change import Change
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH, SHOP

PAY = "pay/pay-app/applicationset.yaml"


@pytest.fixture
def repository(local: LocalRepository) -> LocalRepository:
    """The branch as it was deployed."""
    GitTreeDriver().apply(local.spec(), local.context())
    return local


def plan(repository: LocalRepository) -> Change:
    spec, driver = repository.spec(), GitTreeDriver()
    return driver.plan(spec, driver.observe(spec, repository.context()))


def template(repository: LocalRepository, line: str) -> str:
    """The product's file on the base branch, with one line more below the first variable's."""
    text = repository.read("main", SHOP)
    place = next(row for row in text.splitlines() if "${APP_DOMAIN}" in row)
    indent = place[: len(place) - len(place.lstrip())]
    return text.replace(f"{place}\n", f"{place}\n{indent}{line}\n", 1)


def merge_main(repository: LocalRepository, files: dict[str, str]) -> None:
    """A commit with both parents, and these files as somebody resolved them."""
    repository.commit(BRANCH, files, "resolved")
    tree, main = repository.head(f"{BRANCH}^{{tree}}"), repository.head("main")
    head = repository.git("commit-tree", "-p", f"{BRANCH}~1", "-p", main, "-m", "Merge main", tree)
    repository.git("update-ref", f"refs/heads/{BRANCH}", head)


def test_new_product_of_the_base_branch_is_filled_in(repository: LocalRepository) -> None:
    """Merged without any conflict: the file is main's, and nobody's change."""
    text = repository.read("main", SHOP).replace("storefront", "pay")
    repository.commit("main", {PAY: text}, "A new product")
    merge_main(repository, {PAY: text})
    GitTreeDriver().apply(repository.spec(), repository.context())
    assert "${APP_DOMAIN}" not in repository.read(BRANCH, PAY)
    assert not plan(repository).is_needed


def test_merged_line_of_the_base_branch_is_filled_in(repository: LocalRepository) -> None:
    """The person kept our values and took main's new line as it is."""
    changed = template(repository, "certificate: ${CERTIFICATE_ARN}")
    repository.commit("main", {SHOP: changed}, "Certificate")
    ours = repository.read(BRANCH, SHOP)
    place = next(row for row in ours.splitlines() if row.endswith("acme.example"))
    indent = place[: len(place) - len(place.lstrip())]
    merge_main(
        repository, {SHOP: ours.replace(f"{place}\n", f"{place}\n{indent}certificate: ${{CERTIFICATE_ARN}}\n", 1)}
    )
    GitTreeDriver().apply(repository.spec(), repository.context())
    assert "certificate: arn:1\n" in repository.read(BRANCH, SHOP)
    assert not plan(repository).is_needed


def test_whole_file_of_the_base_branch_is_filled_in(repository: LocalRepository) -> None:
    """The person took main's side of every conflict, without the values."""
    changed = template(repository, "certificate: ${CERTIFICATE_ARN}")
    repository.commit("main", {SHOP: changed}, "Certificate")
    repository.commit(BRANCH, {SHOP: changed}, "Squashed main")
    GitTreeDriver().apply(repository.spec(), repository.context())
    text = repository.read(BRANCH, SHOP)
    assert "certificate: arn:1\n" in text
    assert "${" not in text


def test_base_branch_may_move_on_after_it_was_merged(repository: LocalRepository) -> None:
    """The line that was merged is changed again on the base branch: still nobody else's change."""
    repository.commit("main", {SHOP: template(repository, "class: small # ${APP_DOMAIN}")}, "Small")
    merge_main(repository, {SHOP: repository.read("main", SHOP)})
    text = repository.read("main", SHOP).replace("class: small", "class: large")
    repository.commit("main", {SHOP: text}, "Large")
    GitTreeDriver().apply(repository.spec(), repository.context())
    assert "class: large # acme.example\n" in repository.read(BRANCH, SHOP)


def test_line_of_a_person_stays_with_the_merge(repository: LocalRepository) -> None:
    """What is on the branch alone is kept."""
    repository.commit(BRANCH, {"NOTES.md": "ours\n"}, "Notes")
    repository.commit("main", {SHOP: template(repository, "class: small")}, "Small")
    merge_main(repository, {SHOP: repository.read("main", SHOP)})
    GitTreeDriver().apply(repository.spec(), repository.context())
    assert repository.read(BRANCH, "NOTES.md").startswith("ours")
    assert "class: small\n" in repository.read(BRANCH, SHOP)


def test_quoted_trailers_are_no_commit_of_ours(repository: LocalRepository) -> None:
    """A host that squashes quotes the messages of what it squashed."""
    repository.forge("quoted", variables="by a host")
    assert not plan(repository).is_needed
