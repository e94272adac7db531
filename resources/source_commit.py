"""The commit of the project that a plan was made with."""

from __future__ import annotations

import subprocess
from pathlib import Path


def source_commit(folder: Path) -> str | None:
    """The commit of the git working tree that the folder is in, with `+` where files differ from it; None outside of
    git, or where there is no git."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, timeout=30
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if commit is None:
        return None
    return f"{commit}+" if git("status", "--porcelain", "--untracked-files=no") else commit
