"""Which source a plan was made with."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import subprocess
import sys
import types
from pathlib import Path
from typing import Literal

import pytest

from eks_assets.engine import provenance
from eks_assets.engine.provenance import check_source, code_folder, source_commit
from eks_assets.plan.document import Source
from resources.config.environment import Approval
from resources.model.errors import ConfigError


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


def test_source_is_none_where_the_repository_is_broken(tree: Path) -> None:
    """A commit of which git cannot list the files is no source."""
    blob = git(tree, "rev-parse", "HEAD^{tree}")
    (tree / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert source_of(tree) is None


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_source_differs_with_files_that_the_index_hides(flag: str, tree: Path) -> None:
    """A flag of git's index hides no change of a file, nor that it is gone."""
    clean = source_of(tree)
    git(tree, "update-index", flag, "unit.py")
    assert source_of(tree) == clean
    (tree / "unit.py").write_text("REPLICAS = 2\n")
    assert git(tree, "status", "--porcelain") == ""
    changed = source_of(tree)
    assert changed not in (clean, None)
    (tree / "unit.py").unlink()
    assert source_of(tree) not in (clean, changed, None)


@pytest.mark.parametrize(
    "name", ["unit.abi3.so", "unit.so", "sub/unit.pyc", "build/unit.py", "unit.pyd", "yaml.py", "environments/new.yaml"]
)
@pytest.mark.parametrize("ignored", [".gitignore", ".git/info/exclude", ""])
def test_source_differs_with_files_that_git_leaves_out(name: str, ignored: str, tree: Path) -> None:
    """What Python would import or the loader read counts, whether git lists it as untracked or ignores it."""
    if ignored:
        (tree / ignored).write_text("*.so\n*.pyc\n*.pyd\nbuild/\nyaml.py\nnew.yaml\n")
        git(tree, "add", ".")
        git(tree, "commit", "--quiet", "--allow-empty", "--message", "ignore")
    clean = source_of(tree)
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_bytes(b"one")
    first = source_of(tree)
    assert first not in (clean, None)
    (tree / name).write_bytes(b"two")
    assert source_of(tree) not in (clean, first, None)


@pytest.mark.parametrize("name", ["run.log", "environments/run.log", "environments/plan.txt", ".tox/x.py", "a-b/x.py"])
def test_source_ignores_what_nothing_reads(name: str, tree: Path) -> None:
    """A log, and folders that Python cannot import from, do not change the source."""
    clean = source_of(tree)
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text("x")
    assert source_of(tree) == clean


def test_source_ignores_virtual_environments(tree: Path) -> None:
    """A virtual environment inside of the project is no source of it."""
    clean = source_of(tree)
    (tree / "venv/lib").mkdir(parents=True)
    (tree / "venv/lib/x.py").write_text("x = 1\n")
    (tree / "venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    assert source_of(tree) == clean


@pytest.mark.parametrize(("mode", "counts"), [("unchecked-hash", True), ("checked-hash", False), ("timestamp", False)])
def test_source_differs_with_bytecode_that_python_does_not_check(mode: str, counts: bool, tree: Path) -> None:
    """Bytecode that says of itself that its source need not be looked at counts; what Python checks does not."""
    clean = source_of(tree)
    invalidation = py_compile.PycInvalidationMode[mode.replace("-", "_").upper()]
    py_compile.compile(str(tree / "unit.py"), doraise=True, invalidation_mode=invalidation)
    assert (tree / "__pycache__").is_dir()
    assert (source_of(tree) != clean) is counts


def test_source_differs_where_git_replaces_the_commit(tree: Path) -> None:
    """`git replace` gives no other content to a commit."""
    clean = git(tree, "rev-parse", "HEAD")
    (tree / "unit.py").write_text("REPLICAS = 2\n")
    git(tree, "commit", "--quiet", "--all", "--message", "second")
    second = git(tree, "rev-parse", "HEAD")
    git(tree, "reset", "--quiet", "--soft", clean)
    git(tree, "replace", clean, second)
    assert str(source_of(tree)).startswith(f"{clean}+")


def test_source_differs_where_a_filter_hides_a_change(tree: Path) -> None:
    """A filter of git that gives back the old content hides no change of what Python or the loader reads."""
    (tree / ".git/info/attributes").write_text("*.py filter=old\n*.yaml filter=old\n")
    git(tree, "config", "filter.old.clean", "git cat-file blob HEAD:%f")
    clean = source_of(tree)
    for name in ("unit.py", "environments/prod.yaml"):
        before = (tree / name).read_bytes()
        (tree / name).write_text("name: evil\n")
        assert git(tree, "diff", "HEAD") == ""
        assert source_of(tree) not in (clean, None)
        (tree / name).write_bytes(before)


def test_source_keeps_what_git_converts(tree: Path) -> None:
    """A text that git checks out with other line ends is no change."""
    (tree / "README.md").write_bytes(b"one\ntwo\n")
    (tree / ".gitattributes").write_text("*.md text eol=crlf\n")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "text")
    clean = source_of(tree)
    (tree / "README.md").write_bytes(b"one\r\ntwo\r\n")
    assert source_of(tree) == clean == git(tree, "rev-parse", "HEAD")
    (tree / "README.md").write_bytes(b"one\r\n2\r\n")
    assert source_of(tree) not in (clean, None)


def test_source_follows_links(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A link to a module outside of the tree counts by what it leads to; a committed one to a file of the commit does
    not."""
    (tree / "alias.py").symlink_to("unit.py")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "link")
    assert source_of(tree) == git(tree, "rev-parse", "HEAD")
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.py").write_text("x = 1\n")
    (tree / "package").symlink_to(outside)
    first = source_of(tree)
    assert str(first).partition("+")[2]
    (outside / "x.py").write_text("x = 2\n")
    assert source_of(tree) not in (first, None)


def test_repository_within_counts_by_its_commit(tree: Path) -> None:
    """A submodule is clean at the commit that the tree names, and differs with another or with changes in it."""
    inner = tree / "inner"
    inner.mkdir()
    (inner / "x.py").write_text("x = 1\n")
    git(inner, "init", "--quiet")
    git(inner, "add", ".")
    git(inner, "commit", "--quiet", "--message", "inner")
    git(tree, "-c", "advice.addEmbeddedRepo=false", "add", ".")
    git(tree, "commit", "--quiet", "--message", "with a submodule")
    clean = source_of(tree)
    assert clean == git(tree, "rev-parse", "HEAD")
    (inner / "x.py").write_text("x = 2\n")
    dirty = source_of(tree)
    git(inner, "commit", "--quiet", "--all", "--message", "other")
    assert len({clean, dirty, source_of(tree)}) == 3


def test_code_and_environments_of_one_repository_have_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published environments lie beside the code: both have the same source."""
    monkeypatch.delenv("EKS_ASSETS_ENVIRONMENTS", raising=False)
    code = code_folder()
    assert code == Path(provenance.__file__).resolve().parents[2]
    assert source_commit(code) == source_commit(code / "environments")


def test_source_tells_modules_that_are_not_those_of_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the program that was loaded from elsewhere changes the source of the code."""
    code = code_folder()
    assert code is not None
    before = source_commit(code)
    (tmp_path / "planted.py").write_text("x = 1\n")
    planted = types.ModuleType("resources.planted")
    planted.__file__ = str(tmp_path / "planted.py")
    monkeypatch.setitem(sys.modules, "resources.planted", planted)
    assert source_commit(code) not in (before, None)


def test_source_tells_modules_that_changed_since_they_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that runs older code than the folder holds has another source."""
    code = code_folder()
    assert code is not None
    before = source_commit(code)
    monkeypatch.setattr(provenance, "_SINCE", os.stat(provenance.__file__).st_mtime - 1)
    assert source_commit(code) not in (before, None)


def test_packages_of_several_folders_have_no_one_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one package of the program comes from elsewhere there is no folder of the code."""
    (tmp_path / "sensors").mkdir()
    (tmp_path / "sensors/__init__.py").touch()
    planted = importlib.util.spec_from_file_location("sensors", tmp_path / "sensors/__init__.py")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: planted if name == "sensors" else find(name))
    assert code_folder() is None


def test_gate_refuses_code_without_a_commit() -> None:
    """Nobody could tell which code an approval is of."""
    with pytest.raises(ConfigError, match="has no commit") as refused:
        check_source(Source("c0ffee", "1.34", None), Approval())
    assert "clone of its git repository" in refused.value.next_step


@pytest.mark.parametrize(
    ("environments", "code"), [("c0ffee+1", "c0ffee"), ("c0ffee", "c0ffee+1"), (None, "c0ffee"), ("c0ffee", "c0ffee")]
)
@pytest.mark.parametrize("clean", ["required", None])
def test_uncommitted_changes_are_refused_where_clean_is_required(
    environments: str | None, code: str, clean: Literal["required"] | None
) -> None:
    """Dirty code or environments are put up with their hash, unless `approval.clean` is required."""
    source, approval = Source(environments, "1.34", code), Approval(clean=clean)
    if clean is None or (environments, code) == ("c0ffee", "c0ffee"):
        check_source(source, approval)
        return
    with pytest.raises(ConfigError, match=r"approval\.clean is required"):
        check_source(source, approval)
