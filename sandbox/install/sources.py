"""Which code a sandbox runs: a running one of other code is restarted by `sandbox up`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sandbox.install.python_environments import EMBEDDED_AWS_LOCK
from sandbox.paths import SANDBOX


def digest_code() -> str:
    """A digest of all that a sandbox of this check-out runs: its sources, and what the embedded AWS stands on."""
    return hashlib.sha256(EMBEDDED_AWS_LOCK.read_bytes() + digest_sources(SANDBOX).encode()).hexdigest()


def digest_sources(folder: Path) -> str:
    """A digest of the names and contents of all files in a folder, those that Python compiles aside."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.parent.name != "__pycache__":
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(folder)}\0{content}\n".encode())
    return digest.hexdigest()
