"""The property test of the gate notices a gate with one of its rules taken out."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from eks_assets.engine import approval_request, coverage, gate
from resources.approval import electorate, record
from resources.approval.rules import Person, Tally
from resources.approval.store import ALL_UNITS
from tests.engine.gate_property.machine import GateMachine
from tests.engine.gate_property.world import World, running_world
from tests.helpers.examples import run_examples

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The embedded AWS alone, bootstrapped."""
    with running_world(tmp_path_factory.mktemp("gate")) as started:
        yield started


def wrap(patch: Patch, owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a function by one that gets the real one first."""
    real = getattr(owner, name)
    patch.setattr(owner, name, lambda *arguments, **options: around(real, *arguments, **options))


def grants_never_expire(patch: Patch) -> None:
    patch.setattr(Tally, "_end", lambda *_: dt.datetime.max.replace(tzinfo=dt.UTC))


def one_person_counts_twice(patch: Patch) -> None:
    numbers = itertools.count()

    def voter(real: Any, *arguments: Any) -> Any:
        person = real(*arguments)
        return replace(person, key=f"{person.key}-{next(numbers)}") if isinstance(person, Person) else person

    wrap(patch, electorate.Approvers, "voter", voter)


def initiators_approve(patch: Patch) -> None:
    wrap(patch, Tally, "_fault", lambda real, *args: "" if "whoever asked" in (why := real(*args)) else why)


def rejections_are_skipped(patch: Patch) -> None:
    wrap(patch, record, "list_decisions", lambda real, *args: [d for d in real(*args) if d.verdict != "reject"])


def decisions_name_any_plan(patch: Patch) -> None:
    def fault(real: Any, tally: Tally, decision: Any, *more: Any) -> Any:
        return real(tally, replace(decision, request=tally.request.id, digest=tally.request.digest), *more)

    wrap(patch, Tally, "_fault", fault)


def grants_are_used_twice(patch: Patch) -> None:
    wrap(
        patch,
        record,
        "list_uses",
        lambda real, *args: dict.fromkeys(real(*args).keys() - {ALL_UNITS}, "started"),
    )


def older_grants_stay(patch: Patch) -> None:
    def oldest(states: Any) -> Any:
        return next((state for state in states if state.status == "granted"), None)

    patch.setattr(record, "newest_grant", oldest)


def any_session_name_proves_a_person(patch: Patch) -> None:
    patch.setattr(electorate.Approvers, "_fault", lambda *_: "")


def files_may_ask_for_less(patch: Patch) -> None:
    patch.setattr(gate, "refuse_lesser_gate", lambda _: None)
    patch.setattr(record, "refuse_lesser_gate", lambda _: None)


def any_start_will_do(patch: Patch) -> None:
    def uncovered(real: Any, *arguments: Any, **_: Any) -> Any:
        return real(*arguments, started=True)

    wrap(patch, coverage, "_uncovered_entry", uncovered)


def any_source_will_do(patch: Patch) -> None:
    patch.setattr(coverage, "_surroundings_changed", lambda *_: ())


def any_value_will_do(patch: Patch) -> None:
    patch.setattr(coverage, "_field_fault", lambda *_: "")


def grants_cover_anything(patch: Patch) -> None:
    patch.setattr(gate, "coverage_faults", lambda *_: ())
    patch.setattr(approval_request, "coverage_faults", lambda *_: ())


MUTANTS = (
    grants_never_expire,
    one_person_counts_twice,
    initiators_approve,
    rejections_are_skipped,
    decisions_name_any_plan,
    grants_are_used_twice,
    older_grants_stay,
    any_session_name_proves_a_person,
    files_may_ask_for_less,
    any_start_will_do,
    any_source_will_do,
    any_value_will_do,
    grants_cover_anything,
)


@pytest.mark.long
@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__.replace("_", " "))
def test_property_test_notices_a_missing_rule(
    mutate: Callable[[Patch], None], world: World, monkeypatch: Patch
) -> None:
    """Each rule of the gate is needed by some of the random examples."""
    monkeypatch.setattr(GateMachine, "world", world, raising=False)
    mutate(monkeypatch)
    with pytest.raises(AssertionError, match=r"though"):
        run_examples(GateMachine, steps=8, shrink=False)
