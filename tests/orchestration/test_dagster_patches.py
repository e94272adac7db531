"""Dagster's storages with engines and revisions kept: the same records, one engine a database."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy

from eks_assets.orchestration import dagster_patches


@dg.asset
def stored(context: dg.AssetExecutionContext) -> None:
    context.log.info("kept")


def test_dagster_run_uses_one_engine_per_database(tmp_path: Path) -> None:
    """A run is recorded as before, with one SQLAlchemy engine for each database."""
    dagster_patches.install_patches()
    engines: dict[str, set[sqlalchemy.Engine]] = defaultdict(set)
    connections: list[str] = []

    def connected(connection: Any) -> None:
        engines[str(connection.engine.url)].add(connection.engine)
        connections.append(str(connection.engine.url))

    sqlalchemy.event.listen(sqlalchemy.Engine, "engine_connect", connected)
    try:
        with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
            done = dg.materialize([stored], instance=instance)
            said = [entry.user_message for entry in instance.all_logs(done.run_id)]
            assert "kept" in said
            assert instance.get_latest_materialization_event(dg.AssetKey("stored")) is not None
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "engine_connect", connected)
    assert {len(made) for made in engines.values()} == {1}
    assert len(connections) > 3 * len(engines)
