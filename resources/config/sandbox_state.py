"""Reads where the running local sandbox is (`.sandbox/state.json`). An environment with `sandbox: true` talks to
nothing else, and an environment without it never reads this."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from resources.model.errors import ConfigError

_PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}")


class SandboxCredentials(BaseModel):
    """Keys of one identity of the embedded AWS; worthless anywhere else."""

    model_config = ConfigDict(frozen=True)

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class SandboxState(BaseModel):
    """What the supervisor writes while it is up; see `sandbox/supervisor/supervisor.py`."""

    model_config = ConfigDict(frozen=True)

    supervisor_url: str
    aws_endpoint: str
    region: str
    account: str
    registry: str
    tools: str
    credentials: dict[str, SandboxCredentials]
    variables: dict[str, str] = {}

    def caller(self) -> SandboxCredentials:
        """Who calls, by the environment variables: whose keys they hold where the shell is pointed at this sandbox
        (AWS_ENDPOINT_URL, as `sandbox env --as NAME` sets it), or a person of it; else the account's root."""
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")
        pointed_here = os.environ.get("AWS_ENDPOINT_URL") == self.aws_endpoint
        if pointed_here and key and not key.isdigit():  # digits are the root key of that account
            token = os.environ.get("AWS_SESSION_TOKEN")
            return SandboxCredentials(access_key_id=key, secret_access_key=secret, session_token=token)
        people = {person.access_key_id: person for person in self.credentials.values()}
        return people.get(key, self.credentials["root"])


def sandbox_folder() -> Path:
    """EKS_ASSETS_SANDBOX_DIR, else `.sandbox` in the project."""
    chosen = os.environ.get("EKS_ASSETS_SANDBOX_DIR")
    return Path(chosen) if chosen else Path(__file__).resolve().parents[2] / ".sandbox"


def sandbox_state() -> SandboxState:
    """Where the sandbox is. Raises ConfigError when it is not up."""
    path = sandbox_folder() / "state.json"
    try:
        return SandboxState.model_validate(json.loads(path.read_text()))
    except FileNotFoundError:
        raise ConfigError("the sandbox is not running", next_step="eks-assets sandbox up") from None
    except (ValueError, ValidationError) as error:
        raise ConfigError(
            f"{path} is damaged: {error}", next_step="eks-assets sandbox down && eks-assets sandbox up"
        ) from error


def with_addresses(text: str, *, sandbox: bool, where: str) -> str:
    """The text with the sandbox's addresses in place of `${SANDBOX_REGISTRY}` and `${SANDBOX_GIT}`.

    Raises ConfigError, naming the field `where`, for another placeholder and outside a sandbox environment."""

    def fill(match: re.Match[str]) -> str:
        variables = sandbox_state().variables if sandbox else {}
        if match[1] not in variables:
            raise ConfigError(f"{where}: ${{{match[1]}}} has no value outside a sandbox environment")
        return variables[match[1]]

    return _PLACEHOLDER.sub(fill, text)
