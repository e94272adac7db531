"""The TLS certificate of the applications' domain."""

from __future__ import annotations

from troposphere import Ref, Tags, Template, ssm
from troposphere import certificatemanager as acm

from eks_assets.graph.unit import unit
from eks_assets.units.network.hosted_zone import HostedZoneOutputs, zone_id_of
from eks_assets.units.network.zone_lookup import zone_lookup
from resources.cloudformation import add_outputs, stack_tags, text_parameter
from resources.config.environment import Environment
from resources.model.checks import CertificateIssued
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class CertificateOutputs(Outputs):
    """The certificate that load balancers present."""

    certificate_arn: str


@unit(wave="infrastructure", minutes=3, after=[zone_lookup], checks=[CertificateIssued()])
def certificate(env: Environment, hosted_zone: HostedZoneOutputs | None) -> Stack[CertificateOutputs]:
    """The ACM certificate for the domain and every host under it, validated through DNS; its ARN is published in
    Parameter Store.

    CloudFormation writes the validation record into a zone of this account. Where the zone is in another account
    (`hosted_zone.role`), its owner adds the record that ACM shows, and the stack waits for it.
    """
    template = Template(Description=f"Certificate of {env.app_domain}")
    parameters: dict[str, str] = {}
    validation = {}
    if env.hosted_zone.role is None:
        zone = text_parameter(template, "HostedZoneId", "Zone that holds the validation record")
        parameters["HostedZoneId"] = zone_id_of(env, hosted_zone)
        option = acm.DomainValidationOption(DomainName=env.app_domain, HostedZoneId=zone)
        validation["DomainValidationOptions"] = [option]
    issued = acm.Certificate(
        "Certificate",
        DomainName=env.app_domain,
        SubjectAlternativeNames=[f"*.{env.app_domain}"],
        ValidationMethod="DNS",
        Tags=Tags(Name=env.app_domain),
        **validation,
    )
    template.add_resource(issued)
    template.add_resource(
        ssm.Parameter(
            "CertificateParameter",
            Name=env.certificate_parameter,
            Type="String",
            Value=Ref(issued),
            Description=f"Certificate of {env.app_domain}",
        )
    )
    add_outputs(template, CertificateOutputs, certificate_arn=Ref(issued))
    return Stack[CertificateOutputs](template=template.to_dict(), parameters=parameters, tags=stack_tags(env))
