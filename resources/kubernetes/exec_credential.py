"""Our exec plugin, which kubectl and helm call for a token: the command that runs it, and a token that we hand to it.

A token that is handed over saves most of a second of Python and AWS at every start of helm; it lives in the environment
of that program alone. Nothing here imports more than the standard library, since the plugin is to start at once."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from typing import Any

VARIABLE = "EKS_ASSETS_EXEC_CREDENTIAL"
ENOUGH = dt.timedelta(minutes=1)
_command: list[str] = []


def use_token_command(command: Sequence[str]) -> None:
    """Sets, for this process, the command that prints a token for the environment named behind it. The program that
    uses this package calls it once (`eks_assets/token_command.py`): what lies below does not know the command line."""
    _command[:] = command


def token_command(environment: str) -> list[str]:
    """The command that prints a token for the cluster of an environment. Raises RuntimeError where none was set."""
    if not _command:
        raise RuntimeError(
            "no command that prints tokens was set: eks_assets.token_command.install_token_command() does"
        )
    return [*_command, environment]


def credential_variable(environment: str, credential: dict[str, Any]) -> dict[str, str]:
    """The variable that hands an ExecCredential for the cluster of an environment to a child process."""
    return {VARIABLE: json.dumps({"environment": environment, "credential": credential})}


def take_credential(environment: str) -> dict[str, Any] | None:
    """The ExecCredential that was handed to us for that environment; None without one, and once it is valid for less
    than a minute, as in a long wait."""
    try:
        handed_over = json.loads(os.environ[VARIABLE])
        credential: dict[str, Any] = handed_over["credential"]
        expires = dt.datetime.fromisoformat(credential["status"]["expirationTimestamp"])
        is_valid = handed_over["environment"] == environment and expires - dt.datetime.now(dt.UTC) > ENOUGH
    except (KeyError, TypeError, ValueError):
        return None
    return credential if is_valid else None
