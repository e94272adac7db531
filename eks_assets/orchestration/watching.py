"""Runs of a job that whoever launched it in this process watches: as the command line does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from resources.context import Context
from resources.model.errors import PipelineError


@dataclass
class Watch:
    """Whoever runs the job in this process: hears its progress, and has its result or its error afterwards."""

    progress: Callable[[str], None]
    result: Any = None
    error: PipelineError | None = None


_watches: list[Watch] = []


@contextmanager
def watch_runs(progress: Callable[[str], None]) -> Iterator[Watch]:
    """Within it, a run of a job in this process is watched."""
    watch = Watch(progress)
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)


def tell_watches(line: str) -> None:
    """Let whoever watches hear it."""
    for watch in _watches:
        watch.progress(line)


def give_result(result: object) -> None:
    """Let whoever watches have it."""
    for watch in _watches:
        watch.result = result


def hear_progress(context: Context) -> Context:
    """The context, whose progress whoever watches hears as well."""
    log = context.progress

    def progress(line: str) -> None:
        log(line)
        tell_watches(line)

    context.progress = progress
    return context


@contextmanager
def noting_errors() -> Iterator[None]:
    """What is raised within it, whoever watches has."""
    try:
        yield
    except PipelineError as error:
        for watch in _watches:
            watch.error = error
        raise
