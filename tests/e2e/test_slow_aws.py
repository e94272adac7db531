"""A deploy of the sandbox on a day on which AWS is slow and forgetful."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.lifecycle import Options, start_sandbox, stop_sandbox
from sandbox.paths import StateDirectory
from tests.conftest import Cli

pytestmark = pytest.mark.sandbox

# Longer than what comes next takes here.
SLOW_DAY = {
    "access_entry_seconds": 8,
    "failing": 0.02,
    "page_size": 1,
    "parameter_seconds": 2,
    "role_seconds": 5,
    "stack_seconds": 1,
    "throttled": 0.01,
}


@pytest.fixture
def slow_sandbox(eks_assets: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateDirectory]:
    """A second sandbox with nothing in it, all switches on."""
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path / "sandbox"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    state = StateDirectory.default()
    start_sandbox(Options(pod_seconds=0, state=state))
    state.limits.write_text(json.dumps({"slow": SLOW_DAY}))
    yield state
    stop_sandbox(state)


def test_deploy_converges_on_a_slow_day(slow_sandbox: StateDirectory, eks_assets: Cli) -> None:
    """Bootstrap, deploy, and nothing to do afterwards."""
    done = eks_assets("bootstrap", "sandbox", "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    done = eks_assets("deploy", "sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    again = eks_assets("deploy", "sandbox")
    assert "sandbox: nothing to do" in again.stdout, again.stdout + again.stderr
