"""The VPC that the cluster joins, found by its tags (specification, "Infrastructure Discovery")."""

from eks_assets.graph.unit import unit
from eks_assets.units.network.network import network
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Lookup


class VpcOutputs(Outputs):
    """The VPC; its subnets in the order of their zones."""

    vpc_id: str
    cidr_block: str
    private_subnet_ids: tuple[str, ...]
    public_subnet_ids: tuple[str, ...]
    zones: tuple[str, ...]


@unit(wave="cluster", after=[network], minutes=0.05)
def vpc_lookup(env: Environment) -> Lookup[VpcOutputs]:
    """Finds the VPC of the cluster by its Name tag; none or several is an error that says what was found."""
    tags = env.network.lookup.tags if env.network.lookup else {}
    return Lookup[VpcOutputs](kind="vpc", query=tags or {"Name": env.vpc_name})
