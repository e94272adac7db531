"""The record of served APIs is what the genuine API server says."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.upgrade.served_apis import read_served_apis
from sandbox.served_apis import read_version

pytestmark = pytest.mark.sandbox


def test_api_server_serves_what_was_recorded_of_its_version(tools: Path) -> None:
    """1.36, which differs from the version before it and from the one after it. `make served-apis` records again."""
    assert read_version("1.36", tools) == read_served_apis("1.36")
