"""Follows a Dagster run while it executes: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from eks_assets.registry import Registry

_STYLE = {
    "waiting": "dim",
    "running": "yellow",
    "done": "green",
    "failed": "red",
    "skipped": "magenta",
    "interrupted": "red",
    "retrying": "yellow",
}
_EVENTS = {
    dg.DagsterEventType.STEP_START: "running",
    dg.DagsterEventType.STEP_RESTARTED: "running",
    dg.DagsterEventType.STEP_SUCCESS: "done",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "retrying",
}
_INTERVAL = 0.3


@dataclass
class Row:
    """One unit in the table. Times are seconds since the epoch."""

    state: str = "waiting"
    began: float = 0.0
    ended: float = 0.0
    said: str = ""


class Follower:
    """Use as a context manager around the run, started with `tags`."""

    def __init__(
        self, instance: dg.DagsterInstance, env: str, registry: Registry, names: Sequence[str], console: Console
    ) -> None:
        self.tags = {"eks-assets/launch": uuid.uuid4().hex, "eks-assets/from": "command line"}
        self._instance, self._env, self._registry, self._console = instance, env, registry, console
        self._rows = {name: Row() for name in names}
        self._cursor: str | None = None
        self._run_id: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="follow", daemon=True)
        self._live: Live | None = None

    def __enter__(self) -> Follower:
        if self._console.is_terminal:
            self._live = Live(self._table(), console=self._console, refresh_per_second=4, transient=False)
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._read()
        for row in self._rows.values():
            if row.state in ("running", "retrying"):
                row.state, row.said = "interrupted", f"interrupted: {row.said}"
        if self._live:
            self._live.update(self._table())
            self._live.stop()

    def result(self) -> dict[str, tuple[str, str]]:
        """State and last words by unit: failed ones first, then those skipped because of them."""
        order = sorted(
            self._rows.items(), key=lambda item: {"failed": 0, "interrupted": 0, "skipped": 1}.get(item[1].state, 2)
        )
        return {
            name: ("skipped", f"it waits for {self._missing(name)}")
            if row.state in ("waiting", "skipped")
            else (row.state, row.said)
            for name, row in order
        }

    def _loop(self) -> None:
        while not self._stop.wait(_INTERVAL):
            self._read()
            if self._live:
                self._live.update(self._table())

    def _read(self) -> None:
        if self._run_id is None:
            runs = self._instance.get_runs(
                dg.RunsFilter(tags={"eks-assets/launch": self.tags["eks-assets/launch"]}), limit=1
            )
            if not runs:
                return
            self._run_id = runs[0].run_id
        while True:
            page = self._instance.get_records_for_run(self._run_id, cursor=self._cursor, limit=500)
            self._cursor = page.cursor
            for record in page.records:
                self._take(record.event_log_entry)
            if not page.has_more:
                return

    def _take(self, entry: Any) -> None:
        row = self._rows.get(entry.step_key or "")
        if row is None:
            return
        event = entry.dagster_event
        if event is None:
            row.said = entry.user_message.splitlines()[0] if entry.user_message else row.said
            return
        state = _EVENTS.get(event.event_type)
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed:
                row.said = f"check {evaluation.check_name}: {evaluation.description}"
        if state is None:
            return
        row.state = state
        if state == "running":
            row.began = row.began or entry.timestamp
        elif state in ("failed", "retrying"):
            kind = _error_class(event)
            if kind == "DagsterExecutionInterruptedError":
                row.state, row.said = "interrupted", f"interrupted: {row.said}"
            elif kind != "DagsterAssetCheckFailedError":
                row.said = _reason(event) or row.said
        row.ended = entry.timestamp
        if self._live is None and state != "skipped":
            self._console.print(self._line(entry.step_key, row), highlight=False, markup=False, soft_wrap=True)

    def _line(self, name: str, row: Row) -> str:
        stamp = time.strftime("%H:%M:%S", time.gmtime(row.ended))
        seconds = f" {row.ended - row.began:.1f} s" if row.state != "running" else ""
        return f"{stamp} {row.state:8} {name}{seconds}" + (
            f": {row.said}" if row.state in ("failed", "retrying", "interrupted") else ""
        )

    def _missing(self, name: str) -> str:
        open_ = [n for n in self._registry.needs[name] if n in self._rows and self._rows[n].state != "done"]
        return ", ".join(open_) or "the run"

    def _table(self) -> Table:
        table = Table(title=f"deploy {self._env}", title_justify="left", box=None, pad_edge=False)
        for heading in ("wave", "unit", "state", "time", ""):
            table.add_column(heading, no_wrap=heading != "", overflow="ellipsis")
        for name, row in self._rows.items():
            seconds = (time.time() if row.state == "running" else row.ended) - row.began if row.began else 0.0
            words = (
                f"waits for {self._missing(name)}"
                if row.state == "waiting"
                else row.said
                if row.state != "done"
                else ""
            )
            table.add_row(
                Text(self._registry[name].wave, style="dim"),
                name,
                Text(row.state, style=_STYLE[row.state]),
                f"{seconds:.1f} s" if row.began else "",
                Text(words.splitlines()[0] if words else "", style="dim"),
            )
        return table


def _reason(event: Any) -> str:
    user = getattr(event.event_specific_data, "user_failure_data", None)
    if user is not None and user.description:
        return str(user.description)
    error = _root_error(event)
    return str(error.message).strip() if error is not None else ""


def _error_class(event: Any) -> str:
    error = _root_error(event)
    return str(error.cls_name) if error is not None else ""


def _root_error(event: Any) -> Any:
    """The error at the bottom of the event's chain of causes; None where it has none."""
    error = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return error
