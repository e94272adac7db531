"""An upgrade as one flow, on an embedded AWS."""

from __future__ import annotations

import pytest

from tests.engine.upgrade.conftest import Upgraded

pytestmark = pytest.mark.sandbox


def test_two_minors_one_after_the_other(platform: Upgraded) -> None:
    """Control plane, add-ons, nodes; then the next minor. What no version changes is left alone."""
    platform.want("1.36")
    done, outcome = platform.upgrade()
    assert outcome == "done", outcome
    assert done == ["plane", "offered", "dns", "workers"] * 2
    assert (platform.version, platform.nodes) == ("1.36", "1.36")
    assert platform.updates == ["VersionUpdate", "VersionUpdate"]
    assert platform.asked == ["1.36"]
    assert platform.upgrade() == ([], "nothing to do")
