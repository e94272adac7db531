"""A stack beside its own live template: what differs, and what could not be compared. Pure.

One comparison serves `drift`, `plan` and `status` (docs/adr/0019-stack-drift-in-plan.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from resources.model.change import FieldChange, Observed
from resources.model.drift import Finding, Unchecked

LAYER = "cloudformation"


@dataclass(frozen=True)
class Difference:
    """One difference between the live template and what exists. `logical_id` and `kind`: the resource and its type;
    `writer`: the known writer that may do that, which makes it no drift; `by_hand`: how it is put back where
    CloudFormation cannot."""

    logical_id: str
    kind: str
    finding: Finding
    writer: str = ""
    by_hand: str = ""

    @property
    def place(self) -> str:
        """The object and the path in it, as drift names them."""
        path = self.finding.field.path
        return f"{self.finding.object}: {path}" if path else self.finding.object

    @property
    def top(self) -> str:
        """The property that differs; empty for the whole resource."""
        return self.finding.field.path.partition(".")[0]

    def in_plan(self) -> FieldChange:
        """What putting it back changes: from what is observed to what is expected."""
        return FieldChange(self.place, self.finding.field.after, self.finding.field.before)


@dataclass(frozen=True)
class Comparison:
    """What differs, and what could not be compared."""

    differences: tuple[Difference, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def drifted(self) -> tuple[Difference, ...]:
        """The differences that no known writer accounts for."""
        return tuple(difference for difference in self.differences if not difference.writer)

    @property
    def reverts(self) -> bool:
        """Whether anything drifted that CloudFormation puts back."""
        return any(not difference.by_hand for difference in self.drifted)


@dataclass(frozen=True)
class ComparedStack(Observed):
    """A stack that was also compared with its own template. `ignored`: the places of what the environment's file sets
    aside and nobody but a person can put back; it is not among the differences."""

    comparison: Comparison = Comparison()
    ignored: frozenset[str] = frozenset()
