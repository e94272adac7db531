"""What the embedded AWS holds from the start: the git host's token, and people with keys.

python -m sandbox.supervisor.seeding --state-directory DIR --aws-endpoint URL

It is a process of its own, as boto3 would stay in the supervisor's memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from sandbox.git.service import store_token
from sandbox.paths import PROJECT, StateDirectory
from sandbox.people import ensure_people
from sandbox.processes.supervised import Launcher, ProcessSpec

SECONDS = 60.0


def seed_aws(state: StateDirectory, launcher: Launcher, aws_endpoint: str) -> str:
    """Run this module; what went wrong, or an empty text."""
    log = state.logs / "seeding.log"
    command = [sys.executable, "-m", "sandbox.supervisor.seeding", "--state-directory", str(state.root)]
    process = launcher.run(ProcessSpec("seeding", [*command, "--aws-endpoint", aws_endpoint], log, PROJECT))
    try:
        code = process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    return f"Putting the git token and the people into the embedded AWS failed with {code}; see {log}." if code else ""


def main(arguments: list[str] | None = None) -> int:
    """Put everything where it is missing; nothing happens the second time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state-directory", required=True, type=Path)
    parser.add_argument("--aws-endpoint", required=True)
    given = parser.parse_args(arguments)
    state = StateDirectory(given.state_directory)
    store_token(state.git, given.aws_endpoint)
    ensure_people(state, given.aws_endpoint)
    return 0


if __name__ == "__main__":
    sys.exit(main())
