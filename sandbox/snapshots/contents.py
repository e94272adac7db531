"""What a snapshot holds, and how it takes the place of the state: copied first, then swapped in by renames.

A restore is decided when the folder `restoring` exists. Interrupted before, the old state is as it was; interrupted
later, whoever starts the sandbox next finishes it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sandbox.errors import InvalidRequest, SandboxError
from sandbox.paths import StateDirectory

FOLDERS = ("clusters", "embedded-aws", "git", "edge")
FILES = ("ports.json", "people.json", "options.json", "delays.json")
# Of clusters: what says how they ran, and the clones that Argo CD makes again.
_LEFT_OUT = shutil.ignore_patterns("logs", "tmp")


def copy_state(source: Path, target: Path) -> None:
    """Copy the state in the folder `source` to the new folder `target`. Nobody may write to `source` meanwhile.

    What `source` has not is copied as empty, so that a restore leaves nothing of what came later. Plain copies: etcd
    and git change files in place. Raises SandboxError, as when the disk is full.
    """
    try:
        _copy(source, target)
    except OSError as error:
        raise SandboxError(f"The sandbox's state in {source} cannot be copied to {target}: {error}") from error


def _copy(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700, parents=True)
    for name in FOLDERS:
        if (source / name).exists():
            ignored = _LEFT_OUT if name == "clusters" else None
            shutil.copytree(source / name, target / name, symlinks=True, ignore=ignored)
        else:
            (target / name).mkdir(mode=0o700)
    for name in FILES:
        if (source / name).exists():
            shutil.copy2(source / name, target / name)
        else:
            (target / name).write_text("{}\n")


def prepare_restore(state: StateDirectory, copy: Path) -> None:
    """Lay a copy of the state ready beside it, while the sandbox may still run. Raises SandboxError."""
    shutil.rmtree(state.draft_restore, ignore_errors=True)
    copy_state(copy, state.draft_restore)


def decide_restore(state: StateDirectory) -> None:
    """From now on what lies ready is the state; `finish_restore` is to follow. Raises InvalidRequest if none does."""
    if not state.draft_restore.exists():
        raise InvalidRequest("No snapshot lies ready: `eks-assets sandbox restore NAME` prepares one.")
    state.draft_restore.rename(state.restoring)


def finish_restore(state: StateDirectory) -> None:
    """Put what was decided on in the state's place, if there is any. Nothing that holds state may run."""
    if not state.restoring.exists():
        return
    for name in (*FOLDERS, *FILES):
        # What is not there any more has been moved before an interruption.
        if (state.restoring / name).exists():
            _remove(state.root / name)
            (state.restoring / name).rename(state.root / name)
    state.restoring.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
