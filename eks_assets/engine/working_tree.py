"""How a git working tree differs from its commit in what can change what runs.

Files are compared by their own bytes with git's tree, so that nothing which is kept beside them can hide a difference:
no flag of the index (`--assume-unchanged`, `--skip-worktree`), no list of ignored files, no replaced object. Of what
git does not have only what Python would import counts, and what is read of the environments' folder.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.drivers.programs import child_environment

_IMPORTED = (".py", ".pyc", ".pyw", ".so", ".pyd", ".pth")
_LOADED = (".yaml", ".yml")
_DIGITS = 16  # of the hash: beside the commit, deviations still show all of it
_PYC_HEADER = 8
_HASH_BASED, _CHECKED = 0b01, 0b10  # flags in a .pyc: PEP 552


@dataclass(frozen=True)
class _Entry:
    """What a commit has at a path. `kind`: as git names it."""

    kind: str
    id: str


@dataclass(frozen=True)
class WorkingTree:
    """A working tree: its `root` and the `commit` that is checked out."""

    root: Path
    commit: str

    @classmethod
    def of(cls, folder: Path) -> WorkingTree | None:
        """The tree that the folder is in; None outside of git, before the first commit, or where git fails."""
        try:
            answer = os.fsdecode(run_git(folder, "rev-parse", "HEAD", "--show-toplevel"))
        except (OSError, subprocess.SubprocessError):
            return None
        commit, _, top = answer.partition("\n")
        return cls(Path(top.removesuffix("\n")), commit)

    def describe(self, environments: Path, also: Iterable[bytes] = ()) -> str | None:
        """The commit, followed by `+` and a hash of what differs where something does; None where git fails.

        `environments`: the folder of the environment files; `also`: what else counts as a difference."""
        try:
            differing = [*self._differing(environments), *also]
        except (OSError, subprocess.SubprocessError):
            return None
        return f"{self.commit}+{_hash(differing)}" if differing else self.commit

    def _differing(self, environments: Path) -> Iterator[bytes]:
        tracked = self._tracked()
        states = {name: self._state(self.root / name, entry, environments) for name, entry in tracked.items()}
        suspects = {name: state for name, state in states.items() if state != tracked[name].id}
        loaded = os.path.relpath(os.path.realpath(environments), self.root) + os.sep
        texts = [name for name in suspects if not name.endswith(_IMPORTED) and not name.startswith(loaded)]
        # git itself may keep other bytes than it checks out: line ends, large files. Not of what Python or we read.
        kept = self._filtered(texts)
        for name, state in sorted(suspects.items()):
            if kept.get(name) != tracked[name].id:
                yield from (os.fsencode(name), state.encode())
        for name in sorted(self._untracked(tracked, environments)):
            yield from (os.fsencode(name), _content(self.root / name))

    def _tracked(self) -> dict[str, _Entry]:
        """What the commit has by path."""
        entries = {}
        for line in run_git(self.root, "ls-tree", "-r", "-z", "--full-tree", self.commit).split(b"\0"):
            about, _, name = line.partition(b"\t")
            if name:
                _, kind, identity = about.decode().split()
                entries[os.fsdecode(name)] = _Entry(kind, identity)
        return entries

    def _state(self, file: Path, entry: _Entry, environments: Path) -> str:
        """The id that git would give to what stands there now, by its own bytes; `gone` where nothing does."""
        if entry.kind == "commit":  # a repository within; the folder of one that is not checked out is empty
            nested = WorkingTree.of(file) if (file / ".git").exists() else None
            return nested.describe(environments) or "gone" if nested else entry.id
        try:
            content = os.fsencode(os.readlink(file)) if file.is_symlink() else file.read_bytes()
        except OSError:
            return "gone"
        algorithm = hashlib.sha1 if len(entry.id) == 40 else hashlib.sha256
        return algorithm(b"blob %d\0" % len(content) + content).hexdigest()

    def _filtered(self, names: Collection[str]) -> dict[str, str]:
        """The ids that git would give these files, its conversions applied."""
        there = [name for name in names if "\n" not in name and (self.root / name).is_file()]
        if not there:
            return {}
        ids = run_git(self.root, "hash-object", "--stdin-paths", given=os.fsencode("\n".join(there))).decode()
        return dict(zip(there, ids.split(), strict=True))

    def _untracked(self, tracked: Mapping[str, _Entry], environments: Path) -> Iterator[str]:
        """The files that the commit lacks and that would be imported or loaded, by path."""
        nested = {str(self.root / name) for name, entry in tracked.items() if entry.kind == "commit"}
        for top, suffixes in ((self.root, _IMPORTED), (Path(os.path.realpath(environments)), _LOADED)):
            for file in _walk(top, suffixes, nested):
                # A link to a file of the commit is that file; one that leads out of the tree has its own content.
                name = os.path.relpath(os.path.realpath(file), self.root)
                if name not in tracked and (top is self.root or not name.startswith(os.pardir)):
                    yield os.path.relpath(file, self.root)


def _walk(top: Path, suffixes: tuple[str, ...], without: Collection[str]) -> Iterator[Path]:
    """The files below a folder that have one of these suffixes, links followed. Not of the folders `without`, of
    virtual environments, and of those whose names Python cannot import."""
    visited: set[str] = set()
    for folder, folders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited or folder in without or "pyvenv.cfg" in files:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = [name for name in folders if name.isidentifier() or suffixes is _LOADED]
        is_cache = os.path.basename(folder) == "__pycache__"
        for name in files:
            file = Path(folder, name)
            if name.endswith(suffixes) and file.is_file() and (not is_cache or _is_unchecked(file)):
                yield file


def _is_unchecked(file: Path) -> bool:
    """Whether Python would run a file of `__pycache__` without a look at its source."""
    with file.open("rb") as opened:
        header = opened.read(_PYC_HEADER)
    flags = int.from_bytes(header[4:], "little")
    return bool(flags & _HASH_BASED) and not flags & _CHECKED


def _content(file: Path) -> bytes:
    """What stands in the file; of one that is gone, that."""
    try:
        return b"file " + file.read_bytes()
    except OSError:
        return b"gone"


def _hash(parts: Iterable[bytes]) -> str:
    """A hash of the parts, each by itself: where one ends tells."""
    each = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(each).hexdigest()[:_DIGITS]


def run_git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git answers. Raises OSError, subprocess.SubprocessError."""
    command = ["git", "--no-replace-objects", "-C", str(folder), *arguments]
    return subprocess.run(
        command, input=given, capture_output=True, check=True, timeout=30, env=child_environment()
    ).stdout
