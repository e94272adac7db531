"""Without a browser on PATH its tests are deselected, as a skipped test fails in CI."""

from __future__ import annotations

import pytest

from tests.helpers.browser import BROWSER


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests in test_browser.py where there is no browser."""
    without = [item for item in items if item.path.name == "test_browser.py" and BROWSER is None]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]
