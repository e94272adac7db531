"""Where runs and their logs are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.orchestration.home import dagster_home
from resources.model.errors import ConfigError


def test_dagster_home_that_cannot_be_created_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DAGSTER_HOME that cannot be created is an error that names it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ConfigError, match=r"DAGSTER_HOME cannot be .*/file/home: Not a directory"):
        dagster_home()
