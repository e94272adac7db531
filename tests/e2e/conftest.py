"""What tests of the whole platform share: an environment's file to change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Change = Callable[..., None]


@pytest.fixture
def change(environments: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    """Sets fields of the environment `sandbox` for this test's processes; without any, the file is as published."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    file = environments / "sandbox.yaml"
    original = yaml.safe_load(file.read_text())

    def write(**fields: Any) -> None:
        file.write_text(yaml.safe_dump({**original, **fields}))

    return write
