"""The role under which ExternalDNS writes records."""

from __future__ import annotations

from troposphere import GetAtt, Sub, Template

from eks_assets.graph.unit import unit
from eks_assets.units.network.hosted_zone import HostedZoneOutputs, zone_id_of
from resources.cloudformation import (
    Document,
    add_outputs,
    allow,
    build_role,
    pod_identity_trust,
    stack_tags,
    text_parameter,
)
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class ExternalDnsRoleOutputs(Outputs):
    """The role of ExternalDNS."""

    role_arn: str


@unit(wave="post_deploy", minutes=1)
def external_dns_role(env: Environment, hosted_zone: HostedZoneOutputs | None) -> Stack[ExternalDnsRoleOutputs]:
    """The role of ExternalDNS: records of this one zone, or the role that writes them in the zone's own account."""
    template = Template(Description=f"Role of ExternalDNS in {env.cluster_name}")
    parameters: dict[str, str] = {}
    if env.hosted_zone.role is not None:
        statements = [allow(["sts:AssumeRole", "sts:TagSession"], env.hosted_zone.role)]
    else:
        text_parameter(template, "HostedZoneId", "Zone that the records are written to")
        parameters["HostedZoneId"] = zone_id_of(env, hosted_zone)
        statements = _zone_rights()
    added = template.add_resource(build_role(env, "ExternalDnsRole", pod_identity_trust(env), statements))
    add_outputs(template, ExternalDnsRoleOutputs, role_arn=GetAtt(added, "Arn"))
    return Stack[ExternalDnsRoleOutputs](
        template=template.to_dict(),
        parameters=parameters,
        tags=stack_tags(env),
    )


def _zone_rights() -> list[Document]:
    """Source: ExternalDNS, "Setting up ExternalDNS for Services on AWS"."""
    in_zone = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets", "route53:ListTagsForResources"]
    return [
        allow(in_zone, Sub("arn:${AWS::Partition}:route53:::hostedzone/${HostedZoneId}")),
        allow(["route53:ListHostedZones", "route53:ListHostedZonesByName"]),
    ]
