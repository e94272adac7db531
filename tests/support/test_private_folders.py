"""Folders that only we can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.orchestration.home import dagster_home
from resources.support.cache import cache_folder
from resources.support.private_folders import make_private_folder


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o7777


def test_new_folder_is_ours_alone(tmp_path: Path) -> None:
    """A new folder has mode 0700."""
    assert mode(make_private_folder(tmp_path / "a/b")) == 0o700


def test_wider_folder_is_tightened(tmp_path: Path) -> None:
    """A folder of ours that others could read no longer lets them."""
    tmp_path.chmod(0o755)
    assert mode(make_private_folder(tmp_path)) == 0o700


def test_folder_shared_on_purpose_stays(tmp_path: Path) -> None:
    """A folder with a sticky bit is shared, such as a temporary folder that somebody names as DAGSTER_HOME."""
    tmp_path.chmod(0o1777)
    assert mode(make_private_folder(tmp_path)) == 0o1777


def test_state_and_caches_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's home and the cache of charts, new ones and those that older versions made."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in (tmp_path / ".dagster", tmp_path / ".cache/eks-assets/charts"):
        folder.mkdir(parents=True, mode=0o755)
    assert mode(dagster_home()) == 0o700
    charts = cache_folder("charts")
    assert charts is not None
    assert (mode(charts), mode(charts.parent)) == (0o700, 0o700)
