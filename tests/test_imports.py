"""Importing the program touches nothing: no AWS, no cluster, no network, no variable of the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sandbox.paths import PROJECT


def importing(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "tests" / "helpers" / "import_guard.py"), *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(("package", "least"), [("resources", 40), ("eks_assets", 40), ("sensors", 1)])
def test_imports_touch_nothing(package: str, least: int) -> None:
    """No module of the package connects anywhere or reads variables while it is imported."""
    done = importing(package)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= least


@pytest.mark.parametrize(
    ("offence", "words"),
    [("--connect", "a name lookup while importing"), ("--read", "reads the variable EKS_ASSETS_ENVIRONMENTS")],
)
def test_import_guard_notices_offences(offence: str, words: str) -> None:
    """The test above can fail."""
    done = importing("sensors", offence)
    assert done.returncode != 0
    assert words in done.stderr
