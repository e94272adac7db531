"""The registry of all units: every module of the wave packages, imported once."""

import functools

from eks_assets.graph.registry import Registry
from eks_assets.units import applications, cluster, configuration, infrastructure, network, observability, post_deploy

PACKAGES = (network, infrastructure, post_deploy, cluster, configuration, applications, observability)


@functools.cache
def load_registry() -> Registry:
    """All units in dependency order. Raises RegistryError where they do not fit together."""
    return Registry.walk(*PACKAGES)
