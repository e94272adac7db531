"""Follows a Dagster run while it executes: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace

import dagster as dg
from rich.console import Console
from rich.live import Live
from rich.table import Table

from eks_assets.cli.console import print_text
from eks_assets.cli.runs.dagster_events import event_of
from eks_assets.cli.runs.event_log import Event, EventLog, no_log
from eks_assets.cli.runs.live_table import Row, describe_wait, live_table
from eks_assets.cli.runs.result import UnitResult
from eks_assets.graph.registry import Registry
from eks_assets.orchestration.run_tags import WAITING

_STATE = {
    "unit_started": "running",
    "unit_succeeded": "done",
    "unit_failed": "failed",
    "unit_interrupted": "interrupted",
    "unit_skipped": "skipped",
    "unit_retry": "retrying",
    "unit_waiting": WAITING,
}
_INTERVAL = 0.3


class Follower:
    """Use as a context manager around the run, started with `tags`. `log` gets every event as it is read."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        env: str,
        registry: Registry,
        names: Sequence[str],
        console: Console,
        log: EventLog = no_log,
    ) -> None:
        self.tags = {"eks-assets/launch": uuid.uuid4().hex, "eks-assets/from": "command line"}
        self._instance, self._env, self._registry, self._console = instance, env, registry, console
        self._log = log
        self._rows = {name: Row() for name in names}
        self._cursor: str | None = None
        self._run_id: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="follow", daemon=True)
        self._live: Live | None = None

    def __enter__(self) -> Follower:
        if self._console.is_terminal:
            # What others write (Dagster, to a stderr that is a file meanwhile) must not reach the terminal again.
            self._live = Live(
                self._table(),
                console=self._console,
                refresh_per_second=4,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._read()
        for name, row in self._rows.items():
            if row.state in ("running", "retrying"):
                self._take(Event("unit_interrupted", time=time.time(), level="error", unit=name))
            elif row.state == "waiting":
                self._log(Event("unit_skipped", self._waits_for(name), level="warning", unit=name))
        if self._live:
            self._live.update(self._table(whole=True))
            self._live.stop()

    def result(self) -> dict[str, UnitResult]:
        """How each unit ended: failed ones first, then those skipped because of them."""
        order = sorted(
            self._rows.items(), key=lambda item: {"failed": 0, "interrupted": 0, "skipped": 1}.get(item[1].state, 2)
        )
        return {
            name: UnitResult("skipped", self._waits_for(name))
            if row.state in ("waiting", "skipped")
            else UnitResult(row.state, row.message)
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
                if event := event_of(record.event_log_entry):
                    self._take(event)
            if not page.has_more:
                return

    def _take(self, event: Event) -> None:
        row = self._rows.get(event.unit or "")
        if row is not None:
            # A message of Dagster itself about a unit that it will not start.
            if row.state == "waiting" and event.kind == "progress":
                return
            event = _update(row, event)
        self._log(event)
        is_printed = self._live is None and event.kind in _STATE and event.kind != "unit_skipped"
        if row is not None and event.unit and is_printed:
            print_text(self._console, self._line(event.unit, row), soft_wrap=True)

    def _line(self, name: str, row: Row) -> str:
        stamp = time.strftime("%H:%M:%S", time.gmtime(row.ended))
        seconds = f" {row.ended - row.began:.1f} s" if row.began and row.state != "running" else ""
        return f"{stamp} {row.state:8} {name}{seconds}" + (
            f": {row.message}" if row.state in ("failed", "retrying", "interrupted") else ""
        )

    def _waits_for(self, name: str) -> str:
        return f"it waits for {describe_wait(name, self._rows, self._registry)}"

    def _table(self, *, whole: bool = False) -> Table:
        return live_table(self._env, self._rows, self._registry, None if whole else self._console.height)


def _update(row: Row, event: Event) -> Event:
    """Brings the row up to the event; returns the event with the row's last message and the time taken."""
    if event.kind == "unit_interrupted":
        row.message = f"interrupted: {row.message}"
    elif event.message and event.kind != "check_passed":
        row.message = event.message.splitlines()[0] if event.kind == "progress" else event.message
    state = _STATE.get(event.kind)
    if state is None or (row.state == WAITING and state == "done"):
        return event
    row.state, row.ended = state, event.time
    if state == "running":
        row.began = row.began or event.time
        return event
    return replace(event, message=event.message or row.message, duration=event.time - row.began if row.began else None)
