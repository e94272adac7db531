"""Processes that stand still for a moment, so that the files that they write can be copied as a whole."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.processes.supervised import SupervisedProcess

FREEZE_SECONDS = 10.0
_MOMENT = 0.5  # seconds
_AT_REST = {"T", "t", "Z", "X"}  # stopped, traced, ended (proc(5))


@contextlib.contextmanager
def frozen(processes: Sequence[SupervisedProcess]) -> Iterator[None]:
    """Stop these processes and what they have started (SIGSTOP), and let them go on afterwards.

    Their files are then what a kill would have left at this moment. Raises SandboxError when one does not stand still
    within FREEZE_SECONDS.
    """
    groups = [process.pid for process in processes if process.pid is not None]
    try:
        deadline = time.monotonic() + FREEZE_SECONDS
        while not _stopped(groups):
            if time.monotonic() > deadline:
                raise SandboxError(f"The sandbox did not stand still within {FREEZE_SECONDS:g} s: try again.")
            # Who was stopped between vfork and exec keeps its parent waiting, which then cannot stop.
            _signal_all(groups, signal.SIGCONT)
        yield
    finally:
        _signal_all(groups, signal.SIGCONT)


def _stopped(groups: Sequence[int]) -> bool:
    """Stop all; whether they stand still a moment later."""
    _signal_all(groups, signal.SIGSTOP)
    deadline = time.monotonic() + _MOMENT
    while not all(state in _AT_REST for group in groups for state in _thread_states(group)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _signal_all(groups: Sequence[int], number: signal.Signals) -> None:
    for group in groups:
        _signal(group, number)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _thread_states(group: int) -> list[str]:
    """The state of every thread of every process of a process group."""
    states = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if int(_fields(process / "stat")[2]) == group:
                states += [_fields(task / "stat")[0] for task in (process / "task").iterdir()]
    return states


def _fields(stat: Path) -> list[str]:
    """The fields after the name, which may itself hold spaces and parentheses: state, parent, process group, ..."""
    return stat.read_text().rpartition(")")[2].split()
