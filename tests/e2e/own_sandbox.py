"""A sandbox of a test file's own, in which nothing but its tests has happened: deployed, and kept as a snapshot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from sandbox.lifecycle import Options, start_sandbox, stop_sandbox
from sandbox.paths import PROJECT, StateDirectory
from sandbox.snapshots.commands import make_snapshot, restore_snapshot
from tests.e2e.inventory import Inventory, take_inventory
from tests.e2e.killed_command import SETTING
from tests.e2e.runs import Deploy

SNAPSHOT = "deployed"


@dataclass(frozen=True)
class OwnSandbox:
    """`bare`: what there was in AWS after bootstrap and before anything was deployed."""

    state: StateDirectory
    env: Environment
    bare: Inventory

    @property
    def admin(self) -> Aws:
        return Aws(self.env, as_deployer=False)

    @property
    def context(self) -> Context:
        return Context.of(self.env)

    def restore(self) -> None:
        """Back to what was deployed at first."""
        restore_snapshot(SNAPSHOT, self.state)


def call(*arguments: str, timeout: float = 600, **env: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user gives it."""
    return subprocess.run(
        [sys.executable, "-m", "eks_assets.cli", *arguments],
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "200", **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def do(*arguments: str, code: int = 0) -> str:
    """What the command prints, which ends with that code."""
    done = call(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def own_sandbox(folder: Path) -> Iterator[OwnSandbox]:
    """One in that folder, for as long as the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EKS_ASSETS_SANDBOX_DIR", str(folder / "sandbox"))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        state = StateDirectory.default()
        start_sandbox(Options(pod_seconds=0, state=state))
        try:
            do("bootstrap", "sandbox", "--apply")
            env = load_environment("sandbox", PROJECT / "environments")
            # An account has a default VPC, which the embedded AWS makes when it is first asked for one.
            Aws(env, as_deployer=False).client("ec2").describe_vpcs()
            bare = take_inventory(state)
            do("deploy", "sandbox")
            make_snapshot(SNAPSHOT, state)
            yield OwnSandbox(state, env, bare)
        finally:
            stop_sandbox(state)


def kill_and_repeat(folder: Path, verb: str, *arguments: str, units: str, phases: str) -> list[str]:
    """Give a command again and again, killed around each change of the units, until it ends by itself, and well; the
    points at which it was killed (`killed_command.py`)."""
    points = folder / f"{verb}.points"
    points.touch()
    while True:
        setting = {SETTING: f"{points} {units} {phases}"}
        run = Deploy(folder / "log", *arguments, verb=verb, module="tests.e2e.killed_command", **setting)
        run.process.wait(600)
        assert run.left_behind() == {}
        assert "held by run" not in run.said, "it waited for a run that was killed"
        if run.process.returncode != -signal.SIGKILL:
            assert run.process.returncode == 0, run.said
            return points.read_text().splitlines()
