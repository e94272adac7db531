"""A token that the pipeline hands to a program that it starts, for our exec plugin to answer with: making another
costs most of a second of Python and AWS, for every start of helm. It lives in the environment of that program alone.
Nothing here imports more than the standard library, since the plugin is to start at once."""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import Any

VARIABLE = "EKS_ASSETS_EXEC_CREDENTIAL"
ENOUGH = dt.timedelta(minutes=1)


def handed(environment: str, credential: dict[str, Any]) -> dict[str, str]:
    """The variable that hands an ExecCredential for the cluster of an environment to a child process."""
    return {VARIABLE: json.dumps({"environment": environment, "credential": credential})}


def taken(environment: str) -> dict[str, Any] | None:
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
