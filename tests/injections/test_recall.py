"""Every kind of change, in the cluster and in AWS, in a deployed environment with all of its controllers at work: one
`drift` finds each where it was made and nothing else, and one `deploy` restores it."""

from __future__ import annotations

import pytest

from resources.config.environment import Environment
from tests.conftest import Cli
from tests.injections.sandbox_rounds import run_rounds

pytestmark = [pytest.mark.sandbox, pytest.mark.long, pytest.mark.timeout(7200)]


def test_every_change_is_found_and_restored(restored: Environment, eks_assets: Cli) -> None:
    """Up to five objects a kind, one change an object, whoever made it; and what nobody declares."""
    recall = run_rounds(restored, eks_assets)
    print(recall)
    assert (recall.refused, recall.missed, recall.false, recall.left) == ([], [], [], [])
