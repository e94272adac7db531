"""A process that dies around each change that it makes to some units, like on a lost machine.

It dies right `before` a change, in the `middle` of it, or right `after` it; PHASES says when: `alternate` stands for
`before` every change and one of the others. Each point kills once: it is noted in a file first, so the same command,
given again and again, dies at the next point until there is none. Changes are found by `Context.before_change`, which
each driver calls, and by the entry of the ledger that follows.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from eks_assets.engine import runner
from eks_assets.engine.teardown import removal
from resources.context import Context

MIDDLE = {"helm": 0.4}  # seconds into a change, by what its function's module has in its name
SOON = 0.02
RUN = "run"  # the name of what is changed for the whole run, such as a rollback's record

_now = threading.local()


class Points:
    """The points of this process."""

    def __init__(self, file: Path, units: str, phases: str) -> None:
        self._file, self._units, self._phases = file, units.split(","), phases

    def reach(self, unit: str, what: str, module: str) -> None:
        """A change of the unit is about to be made."""
        self._end_last()
        if unit not in self._units and self._units != ["all"]:
            return
        for phase in self._phases_of(f"{unit} {what}"):
            if self._is_first(f"{unit} {what} {phase}"):
                if phase == "before":
                    die()
                if phase == "middle":
                    seconds = next((late for word, late in MIDDLE.items() if word in module), SOON)
                    threading.Timer(seconds, die).start()
                if phase == "after":
                    _now.last = f"{unit} {what}"
                return

    def _end_last(self) -> None:
        if getattr(_now, "last", None) is not None:
            die()

    def _phases_of(self, point: str) -> list[str]:
        if self._phases == "alternate":
            return ["before", ("middle", "after")[zlib.crc32(point.encode()) % 2]]
        return self._phases.split(",")

    def _is_first(self, point: str) -> bool:
        """Whether the point is new; noted."""
        with self._file.open("a+") as file:
            file.seek(0)
            known = point in file.read().splitlines()
            if not known:
                file.write(f"{point}\n")
        return not known


def die() -> None:
    """End all of the command at once."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _what(frame: FrameType) -> tuple[str, str]:
    """What a driver is about to change, and in which module."""
    code, names = frame.f_code, frame.f_locals
    document = names.get("document") or names.get("obj") or names.get("live")
    name = document["metadata"]["name"] if isinstance(document, dict) and "metadata" in document else ""
    return f"{code.co_name}:{frame.f_lineno} {name}".strip(), str(frame.f_globals["__name__"])


def install(points: Points) -> None:
    """Have this process die at the points."""
    before_change = Context.before_change
    patched: Any = runner
    others: Any = removal
    apply_unit, remove_once = patched._apply, others._Run._remove_once

    def reach(self: Context) -> None:
        before_change(self)
        frame = sys._getframe(1)
        if not frame.f_globals["__name__"].endswith("programs"):
            points.reach(getattr(_now, "unit", RUN), *_what(frame))

    def apply_one(pending: Any, *rest: Any) -> None:
        _now.unit = pending.unit
        apply_unit(pending, *rest)

    def remove_one(self: Any, each: Any, context: Context) -> None:
        _now.unit = each.unit.name
        remove_once(self, each, context)

    def recording(record: Callable[..., Any]) -> Callable[..., Any]:
        def record_change(context: Context, entry: Any) -> Any:
            points.reach(getattr(_now, "unit", RUN), "record_change", "records")
            return record(context, entry)

        return record_change

    for replaced, name, new in (
        (Context, "before_change", reach),
        (patched, "_apply", apply_one),
        (others._Run, "_remove_once", remove_one),
        (patched, "record_change", recording(patched.record_change)),
        (others, "record_change", recording(others.record_change)),
    ):
        setattr(replaced, name, new)
