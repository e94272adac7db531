"""A launch is known by a secret that its processes inherit, never by its name."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from resources.records.launch import is_own_launch, launch_proof, leave_parents_launch, new_launch_name
from tests.helpers.leases import another_launch

PRINT_PROOF = "from resources.records.launch import *; leave_parents_launch(); print(launch_proof())"


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_child_belongs_to_launch_until_it_leaves(method: str) -> None:
    """Dagster forks steps, and its code server spawns runs: the first belong to the launch, the others begin theirs."""
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as child:
        name = child.submit(new_launch_name).result()
        assert child.submit(launch_proof).result() == launch_proof()
        assert is_own_launch(name)
        child.submit(leave_parents_launch).result()
        assert child.submit(launch_proof).result() != launch_proof()
        assert not child.submit(is_own_launch, name).result()


def test_process_started_by_hand_is_a_launch_of_its_own() -> None:
    """A program that we start inherits all variables and not the secret; nor does anything change in the process that
    began a launch when it leaves its parent's, as it has none."""
    command = [sys.executable, "-c", PRINT_PROOF]
    proofs = {subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)}
    own = launch_proof()
    leave_parents_launch()
    assert launch_proof() == own
    assert len(proofs | {own}) == 3


@pytest.mark.parametrize("name", ["", "-", "launch-1", "launch-0123456789ab-0123456789ab", "é"])
def test_made_up_name_is_no_launch(name: str) -> None:
    assert not is_own_launch(name)


def test_repeated_name_is_no_launch_elsewhere() -> None:
    """Names differ, and are their maker's alone."""
    name, other = new_launch_name(), new_launch_name()
    assert name != other
    assert is_own_launch(name)
    assert not is_own_launch(f"{name}0")
    with another_launch():
        assert not is_own_launch(name)
