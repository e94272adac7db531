"""Waits until a child process answers, with a deadline and the reason when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable

import urllib3

from sandbox.errors import SandboxError
from sandbox.processes.supervised import SupervisedProcess

POLL_SECONDS = 0.05


def wait_until_ready(process: SupervisedProcess, ready: Callable[[], bool], seconds: float) -> None:
    """Poll `ready` until it is true. Raises SandboxError when the process ends, or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not ready():
        process.raise_if_dead()
        if time.monotonic() > deadline:
            raise SandboxError(
                f"{process.spec.name} was not ready within {seconds:g} s: {process.log_tail()} "
                f"(log: {process.spec.log}). Run `eks-assets sandbox down`, then up again."
            )
        time.sleep(POLL_SECONDS)


def answers(url: str) -> bool:
    """Whether a plain HTTP GET of this URL gives 200 within two seconds."""
    try:
        return urllib3.request("GET", url, timeout=2.0, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
