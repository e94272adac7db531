"""The members of a run that holds the lease: who they are, and what is left of them on this machine.

A member's name says which process it is, and which one launched that. So a run on the same machine sees that all of a
killed one's are gone, and need not wait for the lease to run out. Names of older versions say nothing, and those of
other machines, containers and users can be checked by nobody here: their lease runs out.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Collection

from resources.records.launch import launcher_id
from resources.support.processes import Process, list_started_by

_ROUNDS = 3  # looks for what is left: what is being ended may have started something


def new_member() -> str:
    """A name for this process's part in a run: a random id, the process, and the one that launched it."""
    own, launcher = Process.of(os.getpid()), Process.of(launcher_id())
    return " ".join([uuid.uuid4().hex, *(str(process or "-") for process in (own, launcher))])


def end_killed_run(members: Collection[str], progress: Callable[[str], None]) -> bool:
    """Whether nothing of the run whose members these are is left: the process that launched it was killed on this
    machine, and its steps and the programs that they ran are gone, or were ended now.

    False where one of them is another machine's or unknown, or where the one that launched it lives. Whoever may write
    to the row can name any process of ours there, so none is ended that was not started by the run."""
    named = [_parse(member) for member in members]
    processes = [process for process, _ in named if process is not None and process.is_visible]
    launchers = [launcher for _, launcher in named if launcher is not None and launcher.is_visible]
    if not named or len(processes) < len(named) or len(launchers) < len(named):
        return False
    if any(launcher.is_alive for launcher in launchers):
        return False
    for _ in range(_ROUNDS):
        if not (left := list_started_by({*processes, *launchers})):
            break
        for process in left:
            progress(f"process {process.pid} is what a killed run has left at work: it is ended")
            process.end()
    else:
        return False
    return not any(process.is_alive for process in processes)


def _parse(member: str) -> tuple[Process | None, Process | None]:
    _, _, rest = member.partition(" ")
    process, _, launcher = rest.partition(" ")
    return Process.parse(process), Process.parse(launcher)
