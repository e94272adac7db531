"""A plan of a whole environment: with nothing to do, with two values changed, and where nothing exists yet."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks.stage import command, fresh_sandbox
from sandbox.paths import PROJECT

ROUNDS = 3
CHANGED = {
    "email_subscriptions": ["ops@example.com"],
    "addons": {"external_dns": {"values": {"interval": "2m"}}},
}


def run() -> dict[str, float]:
    """Medians in seconds of `eks-assets plan`, its start included. `changed` has a change set and a rendered chart."""
    with fresh_sandbox():
        empty = statistics.median(command("plan", "sandbox") for _ in range(ROUNDS))
        command("deploy", "sandbox")
        nothing = statistics.median(command("plan", "sandbox") for _ in range(ROUNDS))
        with changed_environment():
            changed = statistics.median(
                command("plan", "sandbox", "--detailed-exitcode", expect=4) for _ in range(ROUNDS)
            )
    return {"nothing_to_do_seconds": nothing, "changed_seconds": changed, "empty_account_seconds": empty}


@contextmanager
def changed_environment() -> Iterator[None]:
    """Within it the environment `sandbox` has other values than the published ones."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(shutil.copytree(PROJECT / "environments", Path(name, "environments")))
        file = folder / "sandbox.yaml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **CHANGED}))
        os.environ["EKS_ASSETS_ENVIRONMENTS"] = str(folder)
        try:
            yield
        finally:
            del os.environ["EKS_ASSETS_ENVIRONMENTS"]
