"""Which source a plan was made with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from eks_assets.engine.provenance import source_commit


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A working tree whose `environments/` is where the program looks from."""
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "prod.yaml").write_text("name: prod\n")
    (tmp_path / "unit.py").write_text("REPLICAS = 1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def source_of(tree: Path) -> str | None:
    return source_commit(tree / "environments")


def test_source_of_clean_tree_is_its_commit(tree: Path) -> None:
    """The source of a clean working tree is its commit."""
    assert source_of(tree) == git(tree, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["unit.py", "new.py", "package/new.py", "ümläut.py"])
@pytest.mark.parametrize("content", [b"REPLICAS = 3\n", b"\xff\x00binary"])
def test_source_differs_with_each_uncommitted_content(name: str, content: bytes, tree: Path) -> None:
    """Each uncommitted content of a file is a source of its own: the commit with a suffix."""
    file = tree / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"REPLICAS = 2\n")
    first = source_of(tree)
    assert first is not None
    assert first.startswith(f"{git(tree, 'rev-parse', 'HEAD')}+")
    file.write_bytes(content)
    assert source_of(tree) not in (first, None)
    file.write_bytes(b"REPLICAS = 2\n")
    assert source_of(tree) == first


def test_source_differs_with_file_name_not_with_staging(tree: Path) -> None:
    """Renaming an untracked file changes the source; staging a change does not."""
    (tree / "new.py").write_text("x = 1\n")
    first = source_of(tree)
    (tree / "new.py").rename(tree / "other.py")
    assert source_of(tree) != first
    (tree / "unit.py").write_text("REPLICAS = 2\n")
    changed = source_of(tree)
    git(tree, "add", "unit.py")
    assert source_of(tree) == changed


def test_source_ignores_files_that_are_no_source(tree: Path) -> None:
    """A plan file or an editor's lock beside the code does not change the source."""
    clean = source_of(tree)
    (tree / "plan.json").write_text("{}")
    (tree / ".#unit.py").symlink_to("somebody@somewhere.1")
    assert source_of(tree) == clean


def test_source_is_none_without_a_commit(tmp_path: Path) -> None:
    """There is no source outside of a repository, or before its first commit."""
    assert source_commit(tmp_path) is None
    assert source_commit(tmp_path / "missing") is None
    git(tmp_path, "init", "--quiet")
    assert source_commit(tmp_path) is None


def test_source_is_none_without_git(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no source on a machine without git."""
    monkeypatch.setenv("PATH", "")
    assert source_of(tree) is None
