"""Nothing of a deploy stays on the machine: neither clones nor kubeconfigs nor values of releases."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from resources.config.environment import Environment
from tests.conftest import Cli
from tests.e2e.conftest import Change

pytestmark = pytest.mark.sandbox


def test_steps_remove_their_temporary_folders(platform: Environment, eks_assets: Cli, change: Change) -> None:
    """Steps are processes of a forkserver, which end without atexit."""
    change(addons={"external_dns": {"values": {"podLabels": {"leftovers": "none"}}}})
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:  # short: sockets have their paths in it
        done = eks_assets("deploy", "sandbox", "--only", "external_dns", TMPDIR=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [path.name for path in Path(folder).glob("eks-assets-*")] == []
    change()
    assert eks_assets("deploy", "sandbox", "--only", "external_dns").returncode == 0
