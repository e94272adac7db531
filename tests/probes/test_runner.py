"""Every kind of check can be looked at."""

from __future__ import annotations

from resources.model import checks
from resources.probes import runner as probes


def test_every_check_has_a_probe() -> None:
    kinds = {kind for kind in vars(checks).values() if isinstance(kind, type) and issubclass(kind, checks.Check)}
    assert kinds - {checks.Check} == set(probes._PROBES)
