"""Folders that only their owner can read: they hold logs, histories and charts, which say more than others should
know."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def make_private_folder(folder: Path) -> Path:
    """The folder, made with those above it; mode 0700, also where it exists with a wider one and is ours. A folder that
    is shared on purpose stays as it is: one with a sticky bit, and a mount point. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    is_shared = status.st_mode & stat.S_ISVTX or os.path.ismount(folder)
    if status.st_uid == os.geteuid() and status.st_mode & 0o077 and not is_shared:
        folder.chmod(stat.S_IMODE(status.st_mode) & ~0o077)
    return folder


def is_open_to_others(folder: Path) -> bool:
    """Whether somebody else than us and root can put something into the folder: everybody may write there, as in a
    temporary folder, or another user owns it."""
    status = folder.stat()
    return bool(status.st_mode & stat.S_IWOTH) or status.st_uid not in (0, os.geteuid())
