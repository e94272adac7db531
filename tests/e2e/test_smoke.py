"""`make smoke-aws` with a sandbox in the place of AWS: its own steps, and what they recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sandbox.lifecycle import Options, start_sandbox, stop_sandbox
from sandbox.paths import StateDirectory
from smoke import __main__ as command
from smoke.transcript import read_transcript
from smoke.verified import stacks_made
from tests.helpers.command_line import run_eks_assets

pytestmark = pytest.mark.sandbox

ACCOUNT, REGION = "000000000000", "us-west-2"


@pytest.fixture
def empty_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateDirectory]:
    """A second sandbox with nothing in it."""
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path / "sandbox"))
    monkeypatch.setattr(command, "TRANSCRIPTS", tmp_path / "transcripts")
    state = StateDirectory.default()
    start_sandbox(Options(pod_seconds=0, state=state))
    yield state
    stop_sandbox(state)


def test_every_step_is_taken_and_recorded(empty_sandbox: StateDirectory) -> None:
    """Bootstrap, deploy, plan, status, drift, destroy, and the bootstrap's removal."""
    shown: list[str] = []

    def run(step: Sequence[str], variables: dict[str, str]) -> int:
        done = run_eks_assets(*step, timeout=280, **variables)
        shown.append(f"$ {' '.join(step)}\n{done.stdout}{done.stderr}")
        return done.returncode

    assert command.smoke(ACCOUNT, REGION, ACCOUNT, run, sandbox=True) == 0, "\n".join(shown)
    assert len(shown) == len(command.DEPLOY) + len(command.REMOVE)
    calls = read_transcript(command.TRANSCRIPTS / f"{REGION}.jsonl")
    assert {"cloudformation", "eks", "iam", "s3"} <= {call.service for call in calls}
    assert {"eksassets-smoke-network", "eksassets-smoke-cluster"} <= stacks_made(calls)
