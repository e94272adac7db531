"""What every driver can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

from resources.context import Context
from resources.model.change import NOTHING_TO_DO, Change, Observed
from resources.model.drift import Drift, Finding, Unchecked
from resources.model.outputs import Outputs
from resources.model.removal import Removal
from resources.model.specs import Spec

S = TypeVar("S", bound=Spec[Any])


class Driver(ABC, Generic[S]):
    """The verbs of the loop, for one kind of spec. All raise PipelineError only."""

    @abstractmethod
    def observe(self, spec: S, context: Context) -> Observed | None:
        """What exists; None: nothing."""

    def observe_drift(
        self, spec: S, observed: Observed | None, context: Context, is_ignored: Callable[[Finding], bool]
    ) -> Observed | None:
        """What was observed, compared with what was applied last as well: for who plans. `is_ignored`: whether the
        environment's file sets a finding aside. By default as it is, for drivers whose `observe` compares all that
        exists."""
        return observed

    @abstractmethod
    def plan(self, spec: S, observed: Observed | None) -> Change:
        """The difference, without any call."""

    def preview(self, spec: S, observed: Observed | None, change: Change, context: Context) -> Change:
        """A needed change with all that can be learned about it without changing anything. By default the change as
        it is, for drivers whose plan compares every field already."""
        return change

    def list_reach(self, spec: S, observed: Observed | None, change: Change, context: Context) -> tuple[str, ...]:
        """The parts of a needed change that touch identity or reach (`resources/model/reach.py`), a few words each;
        empty where it grants nothing. By default all of it, for drivers of what others act on by its name."""
        return ("all of it",)

    @abstractmethod
    def apply(self, spec: S, context: Context) -> None:
        """Make it so, and leave nothing that the next run can't fix."""

    def drift(self, spec: S, context: Context) -> Drift:
        """Where what exists differs from what was applied last, whatever the spec wants now. Changes nothing."""
        kind = type(spec).__name__.partition("[")[0]
        return Drift(unchecked=(Unchecked(kind, "drift detection does not compare this kind of unit"),))

    def plan_removal(self, spec: S, context: Context, *, delete_data: bool) -> Removal:
        """What `destroy` would remove, and what it would keep; empty where nothing is there. Changes nothing. The
        spec's own inputs may be pending. By default nothing, for drivers of what is only read."""
        return Removal()

    def find_unwanted(self, spec: S, context: Context) -> Spec[Any] | None:
        """What was applied of it, is not wanted any more, and stays though it is applied again, as a spec of its own;
        None where there is nothing such, as with most kinds of specs."""
        return None

    def destroy(self, spec: S, context: Context, *, delete_data: bool) -> None:
        """Remove what is there and wait until it is gone; data is kept but for `delete_data`. Harmless where nothing is
        left, and continues where it was interrupted. By default nothing."""

    def outputs(self, spec: S, context: Context) -> Outputs | None:
        """What other units read from it; None while it does not exist. The spec's own inputs may be pending."""
        observed = self.observe(spec, context)
        return observed.outputs if observed else None


AnyDriver: TypeAlias = Driver[Any]


class ReadOnly(Driver[S]):
    """A driver of what is only read: nothing to do, unless its plan finds that something is missing."""

    def plan(self, spec: S, observed: Observed | None) -> Change:
        """Nothing to do."""
        return NOTHING_TO_DO

    def list_reach(self, spec: S, observed: Observed | None, change: Change, context: Context) -> tuple[str, ...]:
        """None, since nothing is changed."""
        return ()

    def apply(self, spec: S, context: Context) -> None:
        """Changes nothing."""

    def drift(self, spec: S, context: Context) -> Drift:
        """Nothing of ours that could drift."""
        return Drift()
