"""Log groups, certificates, access points and attachments. Source: their API references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.live.resource import LiveResource, Reader, in_template_terms
from resources.model.errors import NotFound


def _log_group(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    name = resource.physical_id
    with aws_call(f"describing the log group {name}"):
        pages = context.aws.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        groups: list[Any] = [group for page in pages for group in page["logGroups"] if group["logGroupName"] == name]
    if not groups:
        raise NotFound(f"there is no log group {name}")
    return {"LogGroupName": name, "RetentionInDays": groups[0].get("retentionInDays")}


def _certificate(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    with aws_call(f"describing the certificate {resource.physical_id}"):
        answer: Any = context.aws.client("acm").describe_certificate(CertificateArn=resource.physical_id)
    certificate = answer["Certificate"]
    # The domain itself is among the answered names, whether or not the template repeats it.
    names = [n for n in certificate.get("SubjectAlternativeNames", []) if n != certificate["DomainName"]]
    declared = resource.declared.get("SubjectAlternativeNames", [])
    return {
        "DomainName": certificate["DomainName"],
        "SubjectAlternativeNames": [*names, *(n for n in declared if n == certificate["DomainName"])],
    }


def _access_point(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    client: Any = context.aws.client  # of EFS it knows no types
    with aws_call(f"describing the access point {resource.physical_id}"):
        answer = client("efs").describe_access_points(AccessPointId=resource.physical_id)
    if not answer["AccessPoints"]:
        raise NotFound(f"there is no access point {resource.physical_id}")
    point = answer["AccessPoints"][0]
    return {**in_template_terms(point), "AccessPointTags": point.get("Tags", [])}


def _gateway_attachment(resource: LiveResource, context: Context) -> Mapping[str, Any]:
    gateway, vpc = resource.told("InternetGatewayId"), resource.told("VpcId")
    with aws_call(f"describing the internet gateway {gateway}"):
        answer = context.aws.client("ec2").describe_internet_gateways(InternetGatewayIds=[gateway])
    attached = {one.get("VpcId") for each in answer["InternetGateways"] for one in each.get("Attachments", [])}
    if vpc not in attached:
        raise NotFound(f"the internet gateway {gateway} is not attached to {vpc}")
    return {"InternetGatewayId": gateway, "VpcId": vpc}


READERS: Mapping[str, Reader] = {
    "AWS::CertificateManager::Certificate": _certificate,
    "AWS::EC2::VPCGatewayAttachment": _gateway_attachment,
    "AWS::EFS::AccessPoint": _access_point,
    "AWS::Logs::LogGroup": _log_group,
}
