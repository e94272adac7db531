"""Trees and their files in a temporary repository, without a work tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resources.drivers.git.repository import Git
from resources.model.errors import OperationFailed
from resources.support.yaml_limits import read_limits


@dataclass(frozen=True)
class Entry:
    """A file of a tree."""

    mode: str
    blob: str


@dataclass(frozen=True)
class Difference:
    """A file that differs between two trees. None: the file is not there."""

    path: str
    before: str | None
    after: str | None


def tree_of(git: Git, commit: str) -> str:
    """The id of a commit's tree (or of the tree itself)."""
    return git("rev-parse", "--verify", operands=[f"{commit}^{{tree}}"]).strip()


def list_files(git: Git, tree: str) -> dict[str, Entry]:
    """Every file of a tree (or a commit's tree) by path."""
    files = {}
    for line in git("ls-tree", "-r", "-z", "--full-tree", operands=[tree]).split("\0"):
        if line:
            about, _, path = line.partition("\t")
            mode, kind, blob = about.split()
            # A link's content is a path, and no file's.
            if kind == "blob" and mode != "120000":
                files[path] = Entry(mode, blob)
    return files


def read_texts(git: Git, files: Mapping[str, Entry]) -> dict[str, str]:
    """The contents of these files by path. One that is larger than input may be is not read: in its place stands a
    text that is too large as well, so that whoever checks the file refuses it, or leaves it out."""
    git.fetch_blobs({entry.blob for entry in files.values()})
    most = read_limits().bytes
    return {path: _read_text(git, entry.blob, most) for path, entry in files.items()}


def _read_text(git: Git, blob: str, most: int) -> str:
    if int(git("cat-file", "-s", operands=[blob])) > most:
        return "#" * (most + 1)
    return git("cat-file", "blob", operands=[blob])


def write_tree(git: Git, tree: str, changed: Mapping[str, tuple[Entry, str]]) -> str:
    """The id of the tree with other texts in these files of it."""
    if not changed:
        return tree_of(git, tree)
    git("read-tree", operands=[tree])
    draft = git.folder / "draft"
    for path, (entry, text) in changed.items():
        draft.write_bytes(text.encode("utf-8", "surrogateescape"))
        blob = git("hash-object", "-w", "--no-filters", operands=[str(draft)]).strip()
        git("update-index", "--cacheinfo", f"{entry.mode},{blob},{path}")
    return git("write-tree", "--missing-ok").strip()


def merge_trees(git: Git, base: str, ours: str, theirs: str) -> str:
    """The tree that has what `ours` and what `theirs` changed since `base`, merged by git; all are trees.

    Raises OperationFailed, naming the files, where both changed the same lines."""
    if ours == base or theirs in (base, ours):
        return theirs if ours == base else ours
    root = git("commit-tree", "-m", "base", operands=[base]).strip()
    sides = [git("commit-tree", "-p", root, "-m", "side", operands=[tree]).strip() for tree in (ours, theirs)]
    # Exit code 1 means conflicts; their files stand below the tree.
    tree, *conflicts = git(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", operands=sides, accept=(0, 1)
    ).splitlines()
    if conflicts:
        raise OperationFailed(
            f"someone's commits on the branch of {git.repository} and the new rendering change the same lines of "
            f"{', '.join(sorted(set(conflicts)))}; nothing was pushed",
            next_step="make the change in the template on the base branch instead, and undo it on the branch",
        )
    return tree


def commit_tree(git: Git, tree: str, parent: str, paragraphs: Iterable[str]) -> str:
    """The id of a new commit of the tree on top of its parent; the message's paragraphs as given."""
    message = [part for paragraph in paragraphs for part in ("-m", paragraph)]
    return git("commit-tree", "-p", parent, *message, operands=[tree]).strip()


def compare_trees(git: Git, before: str, after: str) -> tuple[Difference, ...]:
    """The files that differ between two trees, by path."""
    raw = git("diff-tree", "-r", "-z", "--no-renames", operands=[before, after]).split("\0")
    differences = []
    for about, path in zip(raw[0::2], raw[1::2], strict=False):
        _, _, old, new, _ = about.split()
        differences.append(Difference(path, _present(old), _present(new)))
    return tuple(differences)


def _present(blob: str) -> str | None:
    return blob if blob.strip("0") else None
