"""The git host as a process of the sandbox, and its tokens in the embedded AWS, where an environment refers to them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sandbox.account import ACCOUNT, REGION, ROOT_SECRET
from sandbox.git.server import HEALTH, REPOSITORY, credentials, read_only_credentials
from sandbox.paths import PROJECT, StateDirectory
from sandbox.processes.readiness import answers, wait_until_ready
from sandbox.processes.supervised import Launcher, ProcessSpec, SupervisedProcess

# What `git.credentials` of the sandbox's environments names: `secret`, and `read_only_secret`.
SECRETS = ("/demo/sandbox/git/credentials", "/demo/gated/git/credentials")
READ_ONLY_SECRETS = ("/demo/sandbox/git/read-only-credentials", "/demo/gated/git/read-only-credentials")
START_SECONDS = 60.0


class GitService:
    """Started and stopped by the supervisor. The repository outlives both, until `sandbox reset`."""

    def __init__(self, state: StateDirectory, port: int, launcher: Launcher) -> None:
        self._state, self._launcher = state, launcher
        self._url = f"http://127.0.0.1:{port}"
        self.repository = f"{self._url}/{REPOSITORY}"
        command = [sys.executable, "-m", "sandbox.git.server", "--folder", str(state.git), "--port", str(port)]
        self._process = SupervisedProcess(ProcessSpec("git", command, state.logs / "git.log", PROJECT), launcher)

    def start(self) -> None:
        """Raises SandboxError when it does not answer."""
        self._process.start()
        wait_until_ready(self._process, self._answers, START_SECONDS)

    def stop(self) -> None:
        self._process.stop()

    @property
    def process(self) -> SupervisedProcess:
        return self._process

    def describe(self) -> dict[str, object]:
        """The process as GET /status shows it."""
        return self._process.describe(self.repository, self._answers())

    def _answers(self) -> bool:
        return answers(f"{self._url}{HEALTH}")


def store_token(folder: Path, aws_endpoint: str) -> None:
    """Write the host's users and tokens into SECRETS and READ_ONLY_SECRETS, unless they are there. Raises botocore's
    errors."""
    import boto3

    # As the account's own services, whose calls are nobody's in it: what the sandbox sets up no person has done.
    client = boto3.client(
        "secretsmanager",
        region_name=REGION,
        endpoint_url=aws_endpoint,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=ROOT_SECRET,
    )
    logins = ((SECRETS, credentials(folder)), (READ_ONLY_SECRETS, read_only_credentials(folder)))
    for name, login in ((name, login) for names, login in logins for name in names):
        content = json.dumps(login)
        try:
            if client.get_secret_value(SecretId=name)["SecretString"] != content:
                client.put_secret_value(SecretId=name, SecretString=content)
        except client.exceptions.ResourceNotFoundException:
            client.create_secret(Name=name, SecretString=content, Description="Token of the sandbox's git host")
