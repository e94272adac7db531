"""One driver a kind of spec, with the verbs of the loop: observe, plan, apply. A driver knows nothing of Dagster."""

from __future__ import annotations

from typing import Any, Protocol

from resources.change import Change, Observed
from resources.drivers.git_manifests import GitManifestsDriver
from resources.drivers.git_tree import GitTreeDriver
from resources.drivers.helm_release import HelmReleaseDriver
from resources.drivers.lookup import LookupDriver
from resources.drivers.manifests import ManifestsDriver
from resources.drivers.parameter import ParameterDriver
from resources.drivers.probes_only import ProbesDriver
from resources.drivers.stack import StackDriver
from resources.specs import GitManifests, GitTree, HelmRelease, Lookup, Manifests, Parameter, Probes, Spec, Stack
from resources.world import World


class Driver(Protocol):
    """`observe` reads what exists (None: nothing); `plan` compares, without any call; `preview` looks into a change
    that is needed, by all that can be found out without changing anything; `apply` makes it so, and leaves nothing that
    the next run can't mend. All raise PipelineError only."""

    def observe(self, spec: Any, world: World) -> Observed | None: ...

    def plan(self, spec: Any, observed: Observed | None) -> Change: ...

    def preview(self, spec: Any, observed: Observed | None, change: Change, world: World) -> Change: ...

    def apply(self, spec: Any, world: World) -> None: ...


_DRIVERS: tuple[tuple[type[Spec[Any]], Driver], ...] = (
    (Stack, StackDriver()),
    (HelmRelease, HelmReleaseDriver()),
    (Manifests, ManifestsDriver()),
    (Parameter, ParameterDriver()),
    (GitTree, GitTreeDriver()),
    (GitManifests, GitManifestsDriver()),
    (Probes, ProbesDriver()),
    (Lookup, LookupDriver()),
)


def driver_of(spec: Spec[Any]) -> Driver:
    """The driver of the spec's kind."""
    return next(driver for kind, driver in _DRIVERS if isinstance(spec, kind))
