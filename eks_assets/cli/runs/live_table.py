"""The units of a run as a table for a terminal: whole at the end, and while it runs as much as the terminal shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from eks_assets.graph.registry import Registry
from eks_assets.orchestration.run_tags import WAITING
from resources.model.display import escape_line

_STYLE = {
    "waiting": "dim",
    "running": "yellow",
    "done": "green",
    "failed": "red",
    "skipped": "magenta",
    "interrupted": "red",
    "retrying": "yellow",
    WAITING: "yellow",
}
_HIDDEN_FIRST = ("done", "skipped", "waiting")
_AROUND = 3  # lines of the title, the headings and the cursor


@dataclass
class Row:
    """One unit in the table. Times are seconds since the epoch; `message`: the last one of its run."""

    state: str = "waiting"
    began: float = 0.0
    ended: float = 0.0
    message: str = ""


def describe_wait(name: str, rows: Mapping[str, Row], registry: Registry) -> str:
    """What a unit still waits for, in words."""
    open_ = [need for need in registry.needs[name] if need in rows and rows[need].state != "done"]
    return ", ".join(open_) or "the run"


def live_table(env: str, rows: Mapping[str, Row], registry: Registry, height: int | None = None) -> Table:
    """The table; `height`: lines of the terminal. Where it is too low, units that are done go first, then those that
    wait longest; the title counts them all."""
    done = sum(row.state == "done" for row in rows.values())
    title = f"deploy {env}: {done} of {len(rows)} units done"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in ("wave", "unit", "state", "time", ""):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for name in _fitting(rows, height):
        row = rows[name]
        seconds = (time.time() if row.state == "running" else row.ended) - row.began if row.began else 0.0
        table.add_row(
            Text(registry[name].wave, style="dim"),
            Text(name),
            Text(row.state, style=_STYLE[row.state]),
            f"{seconds:.1f} s" if row.began else "",
            Text(_words(name, rows, registry), style="dim"),
        )
    return table


def _words(name: str, rows: Mapping[str, Row], registry: Registry) -> str:
    row = rows[name]
    if row.state == "waiting":
        return f"waits for {describe_wait(name, rows, registry)}"
    return escape_line(row.message.strip().partition("\n")[0]) if row.state != "done" else ""


def _fitting(rows: Mapping[str, Row], height: int | None) -> list[str]:
    """The units that the terminal has lines for, in their order."""
    surplus = 0 if height is None else len(rows) - max(height - _AROUND, 1)
    if surplus <= 0:
        return list(rows)
    quiet = [name for state in _HIDDEN_FIRST for name in _first_to_go(state, rows)]
    left_out = set(quiet[:surplus])
    return [name for name in rows if name not in left_out]


def _first_to_go(state: str, rows: Mapping[str, Row]) -> list[str]:
    names = [name for name, row in rows.items() if row.state == state]
    return names if state == "done" else names[::-1]
