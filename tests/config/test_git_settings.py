"""What an environment says about its repository."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from resources.config.loader import check_environment_file, load_environment

EXAMPLES = Path(__file__).parents[2] / "environments"


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("repository: https://", "repository: https://user:word@", "git.repository", "holds a user or password"),
        ("repository: https://", "repository: http://", "git.repository", "unencrypted; allowed: https or ssh"),
        ("repository: https://", "repository: ftp://", "git.repository", "https://HOST/PATH, ssh://USER@HOST/PATH"),
        ("  credentials:", "  branch: main\n  base: main\n  credentials:", "git.branch", "branch with the templates"),
        ("  credentials:", "  branch: a..b\n  credentials:", "git.branch", "a branch, such as main"),
        ("    GIT_REPOSITORY:", "    APP_DOMAIN:", "git.variables.APP_DOMAIN", "is set by the pipeline"),
        ("    GIT_REPOSITORY:", "    repository:", "git.variables.repository", "the name of A-Z, 0-9 and _"),
        ("    secret: /acme", "    secert: /acme", "git.credentials.secert", 'did you mean "secret"'),
        (
            "    secret: /acme/dev/git/credentials",
            "    secret: x\n    read_only_secret: x",
            "git.credentials",
            "read_only_secret is the secret that may write",
        ),
        ("email: platform@acme.example\n  var", "email: nobody\n  var", "git.author.email", "an e-mail address"),
        (
            "secret: /acme/dev/git/credentials",
            "secret: ${SANDBOX_GIT}",
            "git.credentials.secret",
            "would stay as it is",
        ),
    ],
)
def test_git_faults_are_reported_at_their_path(tmp_path: Path, old: str, new: str, path: str, words: str) -> None:
    """Each fault in `git` is reported at its path, with what is allowed."""
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "environments"))
    text = (folder / "acme-dev.yaml").read_text()
    assert text.count(old) == 1
    (folder / "acme-dev.yaml").write_text(text.replace(old, new))
    problems = check_environment_file(folder / "acme-dev.yaml")
    assert any(problem.path == path and words in problem.message for problem in problems), problems


def test_products_without_repository_are_refused(tmp_path: Path) -> None:
    """Purchased products need an application repository."""
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "environments"))
    text = (folder / "acme-dev.yaml").read_text()
    start, end = text.index("git:\n"), text.index("retry:")
    (folder / "acme-dev.yaml").write_text(text[:start] + text[end:])
    (problem,) = check_environment_file(folder / "acme-dev.yaml")
    assert (problem.path, "needs a repository" in problem.message) == ("products_purchased", True)


def test_git_branch_follows_the_prefix() -> None:
    """The default branch is named after the environment's prefix."""
    assert load_environment("acme-prod", EXAMPLES).git_branch == "develop/acme-prod"


@pytest.mark.parametrize(
    ("name", "follow", "pins"),
    [("acme-prod", None, True), ("acme-prod", "commit", True), ("acme-dev", None, False), ("acme-dev", "commit", True)],
)
def test_the_commit_is_pinned_where_plans_are_approved(name: str, follow: Any, pins: bool) -> None:
    """And wherever the file asks for it."""
    env = load_environment(name, EXAMPLES)
    assert env.git is not None
    assert env.model_copy(update={"git": env.git.model_copy(update={"follow": follow})}).pins_commit is pins


def test_nothing_new_stands_in_the_digest_where_the_file_says_nothing() -> None:
    """An environment that was deployed before has nothing to do."""
    env = load_environment("acme-prod", EXAMPLES)
    assert env.git is not None
    dumped = env.git.model_dump(mode="json")
    assert "follow" not in dumped
    assert dumped["credentials"] == {"secret": "/acme/prod/git/credentials"}


def test_a_gated_environment_cannot_follow_the_branch(tmp_path: Path) -> None:
    """Nobody would approve what is pushed to it."""
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "environments"))
    file = folder / "acme-prod.yaml"
    file.write_text(file.read_text().replace("git:\n", "git:\n  follow: branch\n"))
    problems = check_environment_file(file)
    words = "is branch in an environment with approval; allowed: commit"
    assert any(problem.path == "git.follow" and words in problem.message for problem in problems), problems
