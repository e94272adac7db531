"""Every kind of check has a probe."""

from __future__ import annotations

from resources.model import checks
from resources.probes.runner import _PROBES


def test_every_check_has_a_probe() -> None:
    """No kind of check is without a probe."""
    kinds = {kind for kind in vars(checks).values() if isinstance(kind, type) and issubclass(kind, checks.Check)}
    assert kinds - {checks.Check} == set(_PROBES)
