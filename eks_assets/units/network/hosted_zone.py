"""The DNS zone of the applications, where this environment owns it."""

from __future__ import annotations

from troposphere import GetAtt, Join, Ref, Template, route53

from eks_assets.graph.unit import unit
from resources.cloudformation import add_outputs, stack_tags
from resources.config.environment import Environment
from resources.model.checks import ZoneServed
from resources.model.errors import ConfigError
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class HostedZoneOutputs(Outputs):
    """The zone, and the name servers that its parent domain must name."""

    zone_id: str
    name_servers: tuple[str, ...]


@unit(wave="network", minutes=1, when=lambda env: env.hosted_zone.create, checks=[ZoneServed()])
def hosted_zone(env: Environment) -> Stack[HostedZoneOutputs]:
    """The public Route 53 zone. Its parent domain must name the zone's name servers before certificates are issued."""
    template = Template(Description=f"DNS zone {env.hosted_zone.name}")
    zone = route53.HostedZone(
        "HostedZone",
        Name=env.hosted_zone.name,
        HostedZoneConfig=route53.HostedZoneConfiguration(Comment=f"Applications of {env.cluster_name}"),
        # Its parent domain names this zone's name servers, by hand.
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    template.add_resource(zone)
    add_outputs(template, HostedZoneOutputs, zone_id=Ref(zone), name_servers=Join(",", GetAtt(zone, "NameServers")))
    return Stack[HostedZoneOutputs](template=template.to_dict(), tags=stack_tags(env))


def zone_id_of(env: Environment, owned: HostedZoneOutputs | None) -> str:
    """The id of the environment's zone: the one created here, else the one that the file names. Raises ConfigError
    where there is neither."""
    zone_id = owned.zone_id if owned is not None else env.hosted_zone.id
    if zone_id is None:
        raise ConfigError(
            f"environment {env.name} is to create its hosted zone, but the unit hosted_zone is switched off",
            next_step="switch it on under addons, or name an existing zone: hosted_zone.id",
        )
    return zone_id
