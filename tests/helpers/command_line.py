"""The command line, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys

from sandbox.paths import PROJECT


def run_eks_assets(*arguments: str, timeout: float = 900, **env: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own; the result has code, stdout and stderr."""
    return subprocess.run(
        [sys.executable, "-m", "eks_assets.cli", *arguments],
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "200", **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
