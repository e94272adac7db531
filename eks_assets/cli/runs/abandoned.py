"""Runs whose process was killed: Dagster would count them as running for ever, and queue later ones behind them."""

from __future__ import annotations

import socket
from os import getpid

import dagster as dg

from eks_assets.orchestration.run_tags import PROCESS_TAG, recorded_tag
from resources.support.processes import start_ticks

_OPEN = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags() -> dict[str, str]:
    """Tags that name this process on a run that it executes: host, process id, start time."""
    return {PROCESS_TAG: _name_of(getpid())}


def close_abandoned(instance: dg.DagsterInstance) -> None:
    """Mark runs as canceled that a process of this host executed and that ended without recording it."""
    for run in instance.get_runs(dg.RunsFilter(statuses=_OPEN)):
        # Not the copied tag of a run that this one executes again, in another process, nor one that somebody made up.
        name = recorded_tag(instance, run, PROCESS_TAG) or ""
        host, _, process = name.partition(" ")
        if host == socket.gethostname() and name != _name_of(int(process.split()[0])):
            instance.report_run_canceled(run, message="The process that executed this run was killed.")


def _name_of(pid: int) -> str:
    return f"{socket.gethostname()} {pid} {start_ticks(pid)}"
