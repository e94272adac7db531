"""What taking something away would do: the objects that go, and those that are kept, each with why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class Removed:
    """An object that goes. `object`: its kind and name, as people know it ("AWS::EKS::Cluster demo"); `why`: how it
    goes, where that is worth a word. `is_passing`: a controller made it, and may replace it at any time."""

    object: str
    why: str = ""
    is_passing: bool = False


@dataclass(frozen=True)
class Kept:
    """An object that stays, and why. `monthly_cost`: in US dollars, None where nobody knows."""

    object: str
    why: str
    monthly_cost: float | None = None


@dataclass(frozen=True)
class Removal:
    """Empty where nothing is there."""

    removes: tuple[Removed, ...] = ()
    keeps: tuple[Kept, ...] = ()


def merge_removals(removals: Iterable[Removal]) -> Removal:
    """All of them as one, in order."""
    every = list(removals)
    return Removal(
        tuple(chain.from_iterable(each.removes for each in every)),
        tuple(chain.from_iterable(each.keeps for each in every)),
    )
