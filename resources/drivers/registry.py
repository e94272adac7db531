"""Which driver realises which kind of spec."""

from __future__ import annotations

from typing import Any

from resources.drivers.base import AnyDriver, Driver, S
from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.git.manifests import GitManifestsDriver
from resources.drivers.helm.driver import HelmReleaseDriver
from resources.drivers.manifests import ManifestsDriver
from resources.drivers.parameter import ParameterDriver
from resources.drivers.read_only import LookupDriver, ProbesDriver
from resources.drivers.stack.driver import StackDriver
from resources.model.specs import GitManifests, GitTree, HelmRelease, Lookup, Manifests, Parameter, Probes, Spec, Stack

_DRIVERS: dict[type[Spec[Any]], AnyDriver] = {
    Stack: StackDriver(),
    HelmRelease: HelmReleaseDriver(),
    Manifests: ManifestsDriver(),
    Parameter: ParameterDriver(),
    GitTree: GitTreeDriver(),
    GitManifests: GitManifestsDriver(),
    Probes: ProbesDriver(),
    Lookup: LookupDriver(),
}


def driver_of(spec: S) -> Driver[S]:
    """The driver of the spec's kind."""
    return next(driver for kind, driver in _DRIVERS.items() if isinstance(spec, kind))
