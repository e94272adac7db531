"""The gate's promise, in any order of events: what was applied, different people had granted, exactly that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.gate_property.machine import GateMachine
from tests.engine.gate_property.world import World, running_world
from tests.helpers.examples import EXAMPLES, run_examples


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The embedded AWS alone, bootstrapped; nothing else of the sandbox runs."""
    with running_world(tmp_path_factory.mktemp("gate")) as started:
        yield started


@pytest.mark.property
@pytest.mark.timeout(1000 + 6 * EXAMPLES)
def test_applied_implies_granted_for_exactly_that(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random requests, decisions of every kind of identity, edits, time, tampering and kills: a unit behind the gate
    changes when, and only when, the oracle says that people have granted this change of this unit now."""
    monkeypatch.setattr(GateMachine, "world", world, raising=False)
    run_examples(GateMachine, steps=8)
