"""What tests of the whole platform share: an environment's file to change, and the account's administrator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.aws.session import Aws
from resources.config.environment import Environment

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


@pytest.fixture
def admin(account: Environment) -> Aws:
    """The account's administrator, whom no policy of the pipeline binds."""
    return Aws(account, as_deployer=False)
