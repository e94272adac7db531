"""The VPC that the cluster joins, found by its tags (specification, "Infrastructure Discovery")."""

from eks_assets.graph.unit import unit
from eks_assets.units.network.network import VpcFields, network
from resources.config.environment import Environment
from resources.model.specs import Lookup


class VpcOutputs(VpcFields):
    """The VPC as AWS shows it to whoever looks for it. Units of the wave `cluster` and of later ones take this one."""


@unit(wave="cluster", after=[network], minutes=0.05)
def vpc_lookup(env: Environment) -> Lookup[VpcOutputs]:
    """Finds the VPC of the cluster by its Name tag; none or several is an error that says what was found."""
    tags = env.network.lookup.tags if env.network.lookup else {}
    return Lookup[VpcOutputs](kind="vpc", query=tags or {"Name": env.vpc_name})
