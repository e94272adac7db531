"""Units that are their health checks: there is nothing to observe and nothing to apply."""

from __future__ import annotations

from resources.drivers.driver import Driver
from resources.model.change import NOTHING_TO_DO, Change, Observed
from resources.model.outputs import NoOutputs
from resources.model.specs import Probes
from resources.world import World


class ProbesDriver(Driver):
    """Satisfies the loop for `Probes`."""

    def observe(self, spec: Probes, world: World) -> Observed | None:
        """Always there."""
        return Observed("probes", {}, NoOutputs())

    def plan(self, spec: Probes, observed: Observed | None) -> Change:
        """Nothing to do."""
        return NOTHING_TO_DO

    def preview(self, spec: Probes, observed: Observed | None, change: Change, world: World) -> Change:
        """The change as it is: there is none."""
        return change

    def apply(self, spec: Probes, world: World) -> None:
        """Changes nothing."""
