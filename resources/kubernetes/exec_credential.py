"""Our exec plugin, which kubectl and helm call for a token: the command that runs it, and a token that we hand to it.

A token that is handed over saves most of a second of Python and AWS at every start of helm; it lives in the environment
of that program alone. helm gets no AWS credentials, so for a wait that outlives the token we put the next one into a
file of our private folder. Nothing here imports more than the standard library, as the plugin is to start at once."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

VARIABLE = "EKS_ASSETS_EXEC_CREDENTIAL"
FILE_VARIABLE = "EKS_ASSETS_EXEC_CREDENTIAL_FILE"
_FILE = "exec-credential.json"
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
    return {VARIABLE: _handed_over(environment, credential)}


def renewal_variable(folder: Path) -> dict[str, str]:
    """The variable that tells a child process where `renew_credential` puts later credentials."""
    return {FILE_VARIABLE: str(folder / _FILE)}


def renew_credential(folder: Path, environment: str, credential: dict[str, Any]) -> None:
    """Hand a later ExecCredential to the child processes that know the (private) folder."""
    text, file = _handed_over(environment, credential), folder / _FILE
    if file.exists() and file.read_text() == text:
        return
    with NamedTemporaryFile("w", dir=folder, delete=False) as part:  # mode 0600
        part.write(text)
    os.replace(part.name, file)


def take_credential(environment: str) -> dict[str, Any] | None:
    """The ExecCredential that was handed to us for that environment, or its successor; None without one, and once both
    are valid for less than a minute."""
    texts = [os.environ.get(VARIABLE, "")]
    with suppress(OSError, KeyError):
        texts.append(Path(os.environ[FILE_VARIABLE]).read_text())
    credentials = (_usable(text, environment) for text in texts)
    return next((credential for credential in credentials if credential is not None), None)


def _handed_over(environment: str, credential: dict[str, Any]) -> str:
    return json.dumps({"environment": environment, "credential": credential})


def _usable(text: str, environment: str) -> dict[str, Any] | None:
    try:
        handed_over = json.loads(text)
        credential: dict[str, Any] = handed_over["credential"]
        expires = dt.datetime.fromisoformat(credential["status"]["expirationTimestamp"])
        is_valid = handed_over["environment"] == environment and expires - dt.datetime.now(dt.UTC) > ENOUGH
    except (KeyError, TypeError, ValueError):
        return None
    return credential if is_valid else None
