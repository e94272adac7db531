"""Commits of people who can push to the environment's branch, and who mean harm: real git, nothing of the sandbox."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from resources.drivers import programs
from resources.drivers.git import repository as repository_module
from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.git.repository import Git, check_object_id
from resources.model.errors import ConfigError
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH, SHOP

ID = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def repository(local: LocalRepository) -> LocalRepository:
    """The example repository, with a branch of the environment that nobody has rendered yet."""
    made = local
    made.git("branch", BRANCH, "main")
    return made


def observe(repository: LocalRepository) -> None:
    GitTreeDriver().observe(repository.spec(), repository.context())


@pytest.mark.parametrize("option", ["--output={}", "--output\n{}", "-O{}", "--upload-pack={}", "HEAD", "main:{}"])
def test_a_trailer_is_no_option_of_git(repository: LocalRepository, tmp_path: Path, option: str) -> None:
    """Red team, finding 6: `--output=FILE` in the trailer emptied the file."""
    victim = tmp_path / "victim"
    victim.write_text("ten bytes.")
    commit = repository.forge(option.format(victim))
    with pytest.raises(ConfigError, match=rf"{commit[:12]} .* no usable Eks-Assets-Template"):
        observe(repository)
    assert victim.read_text() == "ten bytes."


@pytest.mark.parametrize("variables", ["", "[]", "{", "[" * 100_000, '{"A": ' * 50_000])
def test_variables_that_cannot_be_read_are_a_fault_of_the_commit(repository: LocalRepository, variables: str) -> None:
    commit = repository.forge(repository.head("main"), variables=variables)
    with pytest.raises(ConfigError, match=rf"{commit[:12]} .* no usable"):
        observe(repository)


@pytest.mark.parametrize(
    "text", ["", ID[:-1], ID + "0", ID.upper(), ID + "\n", f"-{ID[1:]}", "HEAD", ID[:20] * 2 + "g"]
)
def test_what_is_no_object_id(text: str) -> None:
    with pytest.raises(ConfigError, match="40 or 64 hexadecimal digits"):
        check_object_id(text, "the template")


@pytest.mark.parametrize("text", [ID, (ID * 2)[:64]])
def test_what_is_an_object_id(text: str) -> None:
    assert check_object_id(text, "the template") == text


def test_a_server_names_objects_by_id(repository: LocalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `ls-remote` says is the server's word."""
    with Git.open(repository.spec(), repository.context()) as git:
        monkeypatch.setattr(Git, "__call__", lambda *_, **__: "ref: refs/heads/main\tHEAD\n--output=x\tHEAD\n")
        with pytest.raises(ConfigError, match="40 or 64 hexadecimal digits"):
            git.heads()


def test_objects_stand_behind_the_end_of_options(repository: LocalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every command that names an object, should a check before it be missing."""
    commands: list[tuple[str, ...]] = []
    run = programs.run_program

    def noted(argv: Any, **options: Any) -> str:
        commands.append(tuple(argv[1:]))
        return run(argv, **options)

    monkeypatch.setattr(repository_module, "run_program", noted)
    GitTreeDriver().apply(repository.spec(), repository.context())
    repository.commit(BRANCH, {"NOTES.md": "By hand.\n"}, "Notes")
    repository.replace("main", SHOP, "prune: true", "prune: false", "Prune nothing")
    GitTreeDriver().apply(repository.spec(), repository.context())
    assert {command[0] for command in commands} >= {"fetch", "log", "merge-tree", "push", "rev-list", "rev-parse"}
    for command in commands:
        end = command.index("--end-of-options") if "--end-of-options" in command else len(command)
        values = {"-p", "-m", "--cacheinfo"}  # of these options, not objects that could be one
        words = [word for before, word in pairwise(command[:end]) if before not in values]
        assert not [word for word in words if re.search("[0-9a-f]{40}", word)], command
