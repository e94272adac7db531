"""What happens in a run, as events: the terminal shows them, and `--log-format json` writes them line by line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO, TypeAlias

from eks_assets.graph.registry import Registry
from resources.model.errors import PipelineError


@dataclass(frozen=True)
class Event:
    """One thing that happened. `time`: seconds since the epoch. `duration`: seconds that what it ends has taken.
    `run` and `unit` are None where it concerns none."""

    kind: str
    message: str = ""
    time: float = 0.0
    level: str = "info"
    run: str | None = None
    unit: str | None = None
    duration: float | None = None


EventLog: TypeAlias = Callable[[Event], None]


def no_log(_: Event) -> None:
    """The log of plain output, which says the same in other words."""


def event_log(as_json: bool, stream: TextIO, environment: str, registry: Registry) -> EventLog:
    """The log that a command's `--log-format` asks for."""
    return JsonLines(stream, environment, registry) if as_json else no_log


class JsonLines:
    """A log of one environment: each event is a JSON object on a line of its own, written at once."""

    def __init__(self, stream: TextIO, environment: str, registry: Registry) -> None:
        self._stream, self._environment, self._registry = stream, environment, registry
        self._run: str | None = None

    def __call__(self, event: Event) -> None:
        """Writes the event; one without a run belongs to that of the event before."""
        self._run = event.run or self._run
        happened = datetime.fromtimestamp(event.time or time.time(), UTC)
        line = {
            "time": happened.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": event.level,
            "environment": self._environment,
            "run": self._run,
            "wave": self._registry[event.unit].wave if event.unit else None,
            "unit": event.unit,
            "event": event.kind,
            "message": event.message,
            "duration": None if event.duration is None else round(event.duration, 3),
        }
        print(json.dumps(line), file=self._stream, flush=True)


@contextmanager
def log_refusals(log: EventLog) -> Iterator[None]:
    """Within it, an error is also an event: nothing is started after it."""
    try:
        yield
    except PipelineError as error:
        log(Event("run_refused", str(error), level="error"))
        raise


def run_finished(outcome: str, failed: dict[str, str], continue_with: str, duration: float) -> Event:
    """The last event: failed units first, each with its reason, then the command that continues."""
    lines = [f"failed {name}: {reason}" for name, reason in failed.items()]
    lines += [f"Fix the cause and continue with: {continue_with}"] if failed else []
    return Event("run_finished", "\n".join([*lines, outcome]), level="error" if failed else "info", duration=duration)
