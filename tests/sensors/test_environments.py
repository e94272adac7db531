"""Partitions follow the files; a file that is gone destroys nothing and is not forgotten."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from eks_assets.orchestration.run_tags import DESTROYED, OUTCOME_OF, OUTCOME_TAG, record_outcome
from sensors.environments import environments_sensor
from tests.sensors.conftest import Daemon, Files


@pytest.fixture
def known_files(daemon: Daemon, files: Files) -> Files:
    files.keep("acme-dev", "acme-prod")
    daemon.tick(environments_sensor)
    assert "added acme-dev, acme-prod" in daemon.said
    return files


def partitions(daemon: Daemon) -> list[str]:
    return sorted(daemon.instance.get_dynamic_partitions("environments"))


def test_removed_file_is_reported_until_it_is_back(daemon: Daemon, known_files: Files) -> None:
    """A removed file destroys nothing and is reported at each tick."""
    text = (known_files.folder / "acme-dev.yaml").read_text()
    (known_files.folder / "acme-dev.yaml").unlink()
    for _ in range(3):
        assert daemon.tick(environments_sensor) == []
        assert "acme-dev was removed on" in daemon.said
        assert "nothing was destroyed" in daemon.said
    assert partitions(daemon) == ["acme-prod"]
    (known_files.folder / "acme-dev.yaml").write_text(text)
    daemon.tick(environments_sensor)
    assert "acme-dev is back" in daemon.said
    daemon.tick(environments_sensor)
    assert daemon.said == "2 environments, none added or removed"
    assert partitions(daemon) == ["acme-dev", "acme-prod"]


def test_removed_file_is_reported_until_it_is_destroyed(daemon: Daemon, known_files: Files) -> None:
    """After a destroy the removed file is no longer reported; a tag that nobody recorded changes nothing."""
    (known_files.folder / "acme-dev.yaml").unlink()
    daemon.tick(environments_sensor)
    made_up = daemon.add("acme-dev", status=dg.DagsterRunStatus.SUCCESS, tags={OUTCOME_TAG: DESTROYED})
    daemon.instance.add_run_tags(made_up.run_id, {OUTCOME_OF: made_up.run_id})
    daemon.tick(environments_sensor)
    assert "nothing was destroyed" in daemon.said
    destroyed = daemon.add("acme-dev", job_name="destroy", status=dg.DagsterRunStatus.SUCCESS)
    record_outcome(daemon.instance, destroyed, DESTROYED)
    daemon.tick(environments_sensor)
    assert "acme-dev was removed and has been destroyed" in daemon.said
    daemon.tick(environments_sensor)
    assert daemon.said == "1 environments, none added or removed"


def test_renamed_file_is_the_same_platform(daemon: Daemon, known_files: Files) -> None:
    """A renamed file changes the partition and nothing else."""
    (known_files.folder / "acme-dev.yaml").rename(known_files.folder / "acme-development.yaml")
    daemon.tick(environments_sensor)
    assert "acme-dev is now acme-development: the same platform" in daemon.said
    assert partitions(daemon) == ["acme-development", "acme-prod"]
    daemon.tick(environments_sensor)
    assert daemon.said == "2 environments, none added or removed"


def test_removed_partition_keeps_its_history(daemon: Daemon, known_files: Files) -> None:
    """Materializations and runs stay; without a cursor the removed environment is reported again."""
    key = dg.AssetKey("network")
    for name in ("acme-dev", "acme-prod"):
        daemon.instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=name))
    run = daemon.add("acme-dev", status=dg.DagsterRunStatus.SUCCESS)
    (known_files.folder / "acme-dev.yaml").unlink()
    daemon.tick(environments_sensor)
    daemon.cursors.clear()
    daemon.tick(environments_sensor)
    assert "acme-dev was removed on an unknown day" in daemon.said
    assert "acme-prod" not in daemon.said
    assert daemon.instance.get_materialized_partitions(key) == {"acme-dev", "acme-prod"}
    assert daemon.status(run) == dg.DagsterRunStatus.SUCCESS


def test_missing_folder_removes_no_partition(
    daemon: Daemon, known_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing folder is reported and changes nothing."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(tmp_path / "none"))
    daemon.tick(environments_sensor)
    assert "partitions are left as they are" in daemon.said
    assert partitions(daemon) == ["acme-dev", "acme-prod"]
