"""The git host as a process of the sandbox, and its token in the embedded AWS, where an environment refers to it.

python -m sandbox.git_service --folder DIR --aws-endpoint URL    stores the token
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from sandbox.git_server import HEALTH, REPOSITORY, credentials
from sandbox.paths import PROJECT, StateDirectory
from sandbox.processes import Launcher, ProcessSpec, SupervisedProcess
from sandbox.readiness import answers, wait_until_ready

# What `git.credentials.secret` of the sandbox's environments names.
SECRETS = ("/demo/sandbox/git/credentials", "/demo/gated/git/credentials")
REGION, ROOT_KEY, ROOT_SECRET = "us-west-2", "test", "test"  # no secrets: the embedded AWS's own root
START_SECONDS, STORE_SECONDS = 60.0, 60.0


class GitService:
    """Started and stopped by the supervisor. The repository outlives both, until `sandbox reset`."""

    def __init__(self, state: StateDirectory, port: int, launcher: Launcher) -> None:
        self._state, self._launcher = state, launcher
        self._url = f"http://127.0.0.1:{port}"
        self.repository = f"{self._url}/{REPOSITORY}"
        command = [sys.executable, "-m", "sandbox.git_server", "--folder", str(state.git), "--port", str(port)]
        self._process = SupervisedProcess(ProcessSpec("git", command, state.logs / "git.log", PROJECT), launcher)

    def start(self) -> None:
        """Raises SandboxError when it does not answer."""
        self._process.start()
        wait_until_ready(self._process, self._answers, START_SECONDS)

    def stop(self) -> None:
        self._process.stop()

    def describe(self) -> dict[str, object]:
        """The process as GET /status shows it."""
        return self._process.describe(self.repository, self._answers())

    def store_token(self, aws_endpoint: str) -> str:
        """Puts the token into the embedded Secrets Manager; what went wrong, or an empty text. It is a process of its
        own, as boto3 would stay in the supervisor's memory."""
        log = self._state.logs / "git-token.log"
        command = [sys.executable, "-m", "sandbox.git_service", "--folder", str(self._state.git)]
        spec = ProcessSpec("git-token", [*command, "--aws-endpoint", aws_endpoint], log, PROJECT)
        process = self._launcher.run(spec)
        try:
            code = process.wait(STORE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return f"Storing the git token in the embedded AWS failed with {code}; see {log}." if code else ""

    def _answers(self) -> bool:
        return answers(f"{self._url}{HEALTH}")


def store_token(folder: Path, aws_endpoint: str) -> None:
    """Writes the host's user and token into each of SECRETS, unless it is there. Raises botocore's errors."""
    import boto3

    client = boto3.client(
        "secretsmanager", region_name=REGION, endpoint_url=aws_endpoint,
        aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_SECRET,
    )  # fmt: skip
    content = json.dumps(credentials(folder))
    for name in SECRETS:
        try:
            if client.get_secret_value(SecretId=name)["SecretString"] != content:
                client.put_secret_value(SecretId=name, SecretString=content)
        except client.exceptions.ResourceNotFoundException:
            client.create_secret(Name=name, SecretString=content, Description="Token of the sandbox's git host")


def main() -> int:
    """Stores the token."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--aws-endpoint", required=True)
    given = parser.parse_args()
    store_token(given.folder, given.aws_endpoint)
    return 0


if __name__ == "__main__":
    sys.exit(main())
