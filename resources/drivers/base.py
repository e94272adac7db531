"""What every driver can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from resources.context import Context
from resources.model.change import Change, Observed
from resources.model.outputs import Outputs


class Driver(ABC):
    """The verbs of the loop. All raise PipelineError only."""

    @abstractmethod
    def observe(self, spec: Any, context: Context) -> Observed | None:
        """What exists; None: nothing."""

    @abstractmethod
    def plan(self, spec: Any, observed: Observed | None) -> Change:
        """The difference, without any call."""

    @abstractmethod
    def preview(self, spec: Any, observed: Observed | None, change: Change, context: Context) -> Change:
        """A change that is needed, with all that can be found out about it without changing anything."""

    @abstractmethod
    def apply(self, spec: Any, context: Context) -> None:
        """Make it so, and leave nothing that the next run can't mend."""

    def outputs(self, spec: Any, context: Context) -> Outputs | None:
        """What other units read from it; None while it is not there. The spec's own inputs may be pending."""
        observed = self.observe(spec, context)
        return observed.outputs if observed else None
