"""Fixtures that several unit tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .environment_folder import EXAMPLES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the published sandbox environment, with the current folder beside it."""
    (tmp_path / "environments/clusters").mkdir(parents=True)
    for name in ("sandbox.yaml", "clusters/sandbox.yaml"):
        (tmp_path / "environments" / name).write_text((EXAMPLES / name).read_text())
    monkeypatch.delenv("EKS_ASSETS_ENVIRONMENTS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "environments"
