"""The DNS zone that the environment's file names, and whether it is the one that it says."""

from eks_assets.graph.unit import unit
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs
from resources.model.specs import Lookup


@unit(
    wave="network",
    minutes=0.05,
    # A zone in another account (`hosted_zone.role`) is not ours to read.
    when=lambda env: env.hosted_zone.id is not None and env.hosted_zone.role is None,
)
def zone_lookup(env: Environment) -> Lookup[NoOutputs]:
    """Finds the zone by its id; a zone of another domain is an error, before a certificate waits for its record."""
    return Lookup[NoOutputs](kind="hosted_zone", query={"id": env.hosted_zone.id or "", "name": env.hosted_zone.name})
