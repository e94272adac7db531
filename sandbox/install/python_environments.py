"""Virtual environments in the cache: one per lock file, made once, shared by every check-out."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import PROJECT, cache_directory

Progress = Callable[[str], None]

EMBEDDED_AWS_LOCK = PROJECT / "requirements" / "embedded-aws.lock"
JUDGES_LOCK = PROJECT / "requirements" / "judges.lock"


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a file lock, so that two processes do not make the same thing at once. Wait for as long as it takes."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure_embedded_aws(progress: Progress) -> Path:
    """The Python of the embedded AWS's own virtual environment, made from `requirements/embedded-aws.lock` if absent.

    It is apart from the project's because the embedded AWS pins a botocore of its own. Raises SandboxError.
    """
    return _ensure_locked("embedded-aws", EMBEDDED_AWS_LOCK, "the embedded AWS", progress)


def ensure_judges(progress: Progress) -> Path:
    """The Python with checkov and kubernetes-validate, for tests, made from `requirements/judges.lock` if absent.

    It is apart from the project's because of the hundred packages that checkov pins. Raises SandboxError.
    """
    return _ensure_locked("judges", JUDGES_LOCK, "checkov and kubernetes-validate", progress)


def _ensure_locked(name: str, lock: Path, what: str, progress: Progress) -> Path:
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    return ensure_environment(cache_directory() / name / digest, ("--require-hashes", "-r", str(lock)), what, progress)


def ensure_environment(directory: Path, arguments: Sequence[str], what: str, progress: Progress) -> Path:
    """The Python of the virtual environment in `directory`, with `pip install ARGUMENTS` done. Raises SandboxError."""
    python, complete = directory / "bin" / "python", directory / ".complete"
    with exclusive(directory.with_name(directory.name + ".lock")):
        if complete.exists() and python.exists():
            return python
        progress(f"installing {what} (once)")
        shutil.rmtree(directory, ignore_errors=True)
        for command in _commands(directory, python, arguments):
            _run(command, what)
        complete.touch()
    return python


def _commands(directory: Path, python: Path, arguments: Sequence[str]) -> list[list[str]]:
    uv = shutil.which("uv")
    if uv:
        install = [uv, "pip", "install", "--quiet", "--python", str(python), *arguments]
        return [[uv, "venv", "--quiet", "--python", sys.executable, str(directory)], install]
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    return [[sys.executable, "-m", "venv", str(directory)], install]


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip()[-800:]
        raise SandboxError(
            f"Installing {what} failed: `{' '.join(command)}` ended with {done.returncode}: {reason} "
            "Check that pip reaches a package index, then run the command again."
        )
