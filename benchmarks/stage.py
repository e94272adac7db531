"""A sandbox of a benchmark's own, and the command line timed from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sandbox.lifecycle import Options, reset_sandbox, start_sandbox
from sandbox.paths import PROJECT, StateDirectory


@contextmanager
def fresh_sandbox(delays: Mapping[str, float] | None = None, pod_seconds: float = 0.0) -> Iterator[Path]:
    """An empty sandbox in a folder of its own, bootstrapped for the environment `sandbox`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        os.environ["EKS_ASSETS_SANDBOX_DIR"] = str(folder / "sandbox")
        os.environ["DAGSTER_HOME"] = str(folder / "dagster")
        state = StateDirectory.default()
        start_sandbox(Options(pod_seconds=pod_seconds, delays=dict(delays or {}), state=state))
        try:
            command("bootstrap", "sandbox", "--apply")
            yield folder
        finally:
            reset_sandbox(state)
            del os.environ["EKS_ASSETS_SANDBOX_DIR"], os.environ["DAGSTER_HOME"]


def command(*arguments: str, expect: int = 0) -> float:
    """Seconds that `eks-assets ARGUMENTS` takes, its start included."""
    return timed([sys.executable, "-m", "eks_assets.cli", *arguments], expect)


def timed(argv: list[str], expect: int = 0) -> float:
    """Seconds that a program takes; SystemExit with its output for another exit code than expected."""
    began = time.monotonic()
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode != expect:
        raise SystemExit(
            f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return seconds
