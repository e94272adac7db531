"""Runs whose process was killed: Dagster would count them as running for ever, and queue later ones behind them."""

from __future__ import annotations

import socket
from os import getpid

import dagster as dg

from resources.support.processes import start_ticks

PROCESS = "eks-assets/process"
_OPEN = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags() -> dict[str, str]:
    """Tags that name this process on a run that it executes: host, process id, start time."""
    return {PROCESS: _name_of(getpid())}


def close_abandoned(instance: dg.DagsterInstance) -> None:
    """Mark runs as canceled that a process of this host executed and that ended without recording it."""
    for run in instance.get_runs(dg.RunsFilter(statuses=_OPEN)):
        # Dagster copied the tag of the run that this one executes again, in another process.
        if run.parent_run_id:
            continue
        host, _, process = run.tags.get(PROCESS, "").partition(" ")
        if host == socket.gethostname() and run.tags[PROCESS] != _name_of(int(process.split()[0])):
            instance.report_run_canceled(run, message="The process that executed this run was killed.")


def _name_of(pid: int) -> str:
    return f"{socket.gethostname()} {pid} {start_ticks(pid)}"
