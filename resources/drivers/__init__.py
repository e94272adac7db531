"""One driver a kind of spec, with the verbs of the loop: `Driver`. A driver knows nothing of Dagster."""

from __future__ import annotations

from typing import Any

from resources.drivers.driver import Driver
from resources.drivers.git_manifests import GitManifestsDriver
from resources.drivers.git_tree import GitTreeDriver
from resources.drivers.helm_release import HelmReleaseDriver
from resources.drivers.lookup import LookupDriver
from resources.drivers.manifests import ManifestsDriver
from resources.drivers.parameter import ParameterDriver
from resources.drivers.probes_only import ProbesDriver
from resources.drivers.stack import StackDriver
from resources.model.specs import GitManifests, GitTree, HelmRelease, Lookup, Manifests, Parameter, Probes, Spec, Stack

__all__ = ["Driver", "driver_of"]


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
