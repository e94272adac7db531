"""Every patch of Dagster, applied by calls: `silence_previews()` before definitions are made, `install_patches()` in
the processes that run or record (docs/adr/0003-executor.md).

The SQLite storages create an engine, and with it a dialect and a cache of compiled statements, for every event, and
read alembic's revisions from their files for every database that a process opens: they keep both here. The executor
asks its running steps for events more often. Names inside the pinned Dagster's modules are replaced; a Dagster that
lacks them fails here when it is imported or installed, which a test shows first.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.executor import child_process_executor
from dagster._core.storage import sql
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

_SQL: Any = sql
_STORAGES: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)

# Dagster asks the running steps in turn for one event each and waits up to TICK for it. With its 20 ms, the six last
# events of a step beside seven others that are quiet took a second, and what waits for it started that much later.
TICK = 0.003  # seconds


class _Scripts(ScriptDirectory):
    """Alembic's revisions of one storage, read once in a process."""

    @classmethod
    @cache
    def from_config(cls, config: Config) -> ScriptDirectory:
        return super().from_config(config)


def _reusing(create_engine: Callable[..., Any]) -> Callable[..., Any]:
    engines: dict[tuple[str, Any], Any] = {}

    def engine(url: str, **options: Any) -> Any:
        key = (url, options.get("poolclass"))
        if key not in engines:
            engines[key] = create_engine(url, **options)
        return engines[key]

    return engine


def silence_previews() -> None:
    """Print no warning for each check that is partitioned, which the pinned Dagster calls a preview; without partitions
    one environment's checks would overwrite another's, nor for each code reference, which it calls beta. Call it before
    a definition is made."""
    warnings.filterwarnings("ignore", message=r".*partitions_def.*currently in preview.*")
    warnings.filterwarnings("ignore", message=r"Class `\w*CodeReference\w*` is currently in beta")


@cache
def install_patches() -> None:
    """Replace all in this process, and read the revisions now. Safe to call again."""
    child_process_executor.TICK = TICK
    engine = _reusing(sql.create_engine)
    for storage in _STORAGES:
        storage.create_engine = engine
    _SQL.ScriptDirectory = _Scripts
    for storage in _STORAGES:
        _Scripts.from_config(sql.get_alembic_config(storage.__file__)).as_revision_number("head")
