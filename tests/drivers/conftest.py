"""An application repository of a test's own, and the GitTree driver on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.config.environment import Environment
from sandbox.paths import StateDirectory
from tests.helpers.git_repository import Deployer, Repository, serving


@pytest.fixture
def repository(tmp_path: Path, sandbox: StateDirectory) -> Iterator[Repository]:
    """An application repository of the test's own, for the user whose token is in the embedded Secrets Manager."""
    with serving(tmp_path / "host", sandbox.git / "credentials.json") as served:
        yield served


@pytest.fixture
def deploy(account: Environment, repository: Repository) -> Deployer:
    """Runs the GitTree driver on that repository."""
    return Deployer(account, repository)
