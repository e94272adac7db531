"""Shares kinds of change out to objects, one change an object a round, so that none hides another: pure."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

Kind = TypeVar("Kind", bound=Hashable)
Name = TypeVar("Name", bound=Hashable)


def plan_rounds(
    candidates: Mapping[Kind, Sequence[Name]], each: int, most: int, apart: Collection[Kind] = ()
) -> list[list[tuple[Kind, Name]]]:
    """Rounds of kinds with an object each: every kind on up to `each` of its candidates, in at most `most` rounds.
    `apart`: kinds of which a round has one change only. The kinds with the fewest candidates choose first."""
    rounds: list[dict[Name, Kind]] = []
    used: dict[Kind, list[Name]] = {kind: [] for kind in candidates}
    for _ in range(each):
        for kind in sorted(candidates, key=lambda kind: len(candidates[kind])):
            place = _place(kind, [n for n in candidates[kind] if n not in used[kind]], rounds, most, kind in apart)
            if place is not None:
                number, name = place
                if number == len(rounds):
                    rounds.append({})
                rounds[number][name] = kind
                used[kind].append(name)
    return [[(kind, name) for name, kind in one.items()] for one in rounds]


def _place(
    kind: Kind, names: Sequence[Name], rounds: Sequence[Mapping[Name, Kind]], most: int, alone: bool
) -> tuple[int, Name] | None:
    for number, one in enumerate(rounds):
        if alone and kind in one.values():
            continue
        free = next((name for name in names if name not in one), None)
        if free is not None:
            return number, free
    return (len(rounds), names[0]) if names and len(rounds) < most else None
