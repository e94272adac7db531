"""The VPC: created by this environment, or found by its tags."""

from __future__ import annotations

from typing import Any

from troposphere import Join, Ref, Template

from eks_assets.graph.unit import unit
from eks_assets.units.network._address_plan import plan_zones
from eks_assets.units.network._vpc_template import (
    add_endpoints,
    add_flow_logs,
    add_routes,
    add_subnets,
    add_vpc,
)
from resources.cloudformation import add_outputs, stack_tags
from resources.config.environment import Environment
from resources.config.settings.network import CreateNetwork, LookupNetwork
from resources.model.outputs import Outputs
from resources.model.specs import Lookup, Spec, Stack


class VpcFields(Outputs):
    """A VPC and its subnets, one private and one public a zone, in the order of `zones`."""

    vpc_id: str
    cidr_block: str
    private_subnet_ids: tuple[str, ...]
    public_subnet_ids: tuple[str, ...]
    zones: tuple[str, ...]


class NetworkOutputs(VpcFields):
    """The VPC as the network's own stack or lookup knows it. Units of the waves before `cluster` take this one."""


@unit(wave="network", minutes=4)
def network(env: Environment) -> Spec[NetworkOutputs]:
    """The VPC: a private and a public subnet in each zone, NAT, flow logs and private endpoints of AWS services.

    With `network.lookup` nothing is created: the VPC is found by its tags, by default its name `<prefix>-vpc`.
    """
    if env.network.create is None:
        lookup = env.network.lookup or LookupNetwork()
        return Lookup[NetworkOutputs](kind="vpc", query=lookup.tags or {"Name": env.vpc_name})
    return Stack[NetworkOutputs](template=_template(env, env.network.create), tags=stack_tags(env))


def _template(env: Environment, settings: CreateNetwork) -> dict[str, Any]:
    template = Template(Description=f"VPC of {env.cluster_name}")
    plans = plan_zones(settings.cidr, settings.zones)
    vpc = add_vpc(template, env, settings.cidr)
    private, public = add_subnets(template, env, plans)
    add_routes(template, env, settings, plans)
    add_flow_logs(template, env, settings.flow_log_days)
    add_endpoints(template, env, settings, plans)
    add_outputs(
        template,
        NetworkOutputs,
        vpc_id=Ref(vpc),
        cidr_block=settings.cidr,
        private_subnet_ids=Join(",", [Ref(subnet) for subnet in private]),
        public_subnet_ids=Join(",", [Ref(subnet) for subnet in public]),
        zones=",".join(plan.zone for plan in plans),
    )
    document: dict[str, Any] = template.to_dict()
    return document
