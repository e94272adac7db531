"""The resources that a handler touches: the ARNs that IAM is asked about, by type of resource. Pure, but for random
names.

Source: service authorization reference, "Resource types defined by ..."; their keys are those of `handlers.json`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..resource_handlers import Properties, physical_name

Named = dict[str, list[str]]
NEW = "0a1b2c3d-new"  # an identifier that the service has yet to choose


@dataclass(frozen=True)
class Place:
    """Where a resource is, and what CloudFormation calls it."""

    region: str
    account: str
    stack: str
    logical_id: str

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this region and account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def role(self, name: str) -> str:
        """The ARN of a role of this account, by name or ARN."""
        return name if name.startswith("arn:") else f"arn:aws:iam::{self.account}:role/{name}"

    def name(self, properties: Properties, member: str, physical_id: str, longest: int) -> str:
        """A resource's name: its template's, the one it has, or such a one as CloudFormation makes."""
        chosen = properties.get(member) or physical_id.rpartition("/")[2].rpartition(":")[2]
        return str(chosen or physical_name(self.stack, self.logical_id, longest))


def touched(kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    """The ARNs by type of resource; types that are not there are never named by a policy of anybody's."""
    service = kind.split("::")[1]
    named = _OF_SERVICE.get(service, _nothing)(kind, properties, physical_id, place)
    roles = [place.role(role) for role in passed_roles(properties)]
    return {**named, "iam:role": [*named.get("iam:role", []), *roles]}


def passed_roles(properties: Any) -> Iterator[str]:
    """The roles that are handed to a service, wherever the properties name them."""
    members = properties.items() if isinstance(properties, dict) else ()
    for member, value in members:
        if member in _PASSED and isinstance(value, str) and value:
            yield value
        yield from passed_roles(value)
    for item in properties if isinstance(properties, list) else ():
        yield from passed_roles(item)


_PASSED = (
    "RoleArn",
    "NodeRole",
    "NodeRoleArn",
    "PodExecutionRoleArn",
    "ServiceAccountRoleArn",
    "DeliverLogsPermissionArn",
)


def _nothing(_kind: str, _properties: Properties, _physical_id: str, _place: Place) -> Named:
    return {}


def _iam(kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    def arn(type_name: str, member: str, longest: int) -> str:
        if physical_id.startswith("arn:"):
            return physical_id
        path = str(properties.get("Path") or "/")
        name = place.name(properties, member, physical_id, longest)
        return f"arn:aws:iam::{place.account}:{type_name}{path}{name}"

    if kind == "AWS::IAM::Role":
        return {"iam:role": [arn("role", "RoleName", 64)]}
    if kind == "AWS::IAM::ManagedPolicy":
        roles = [place.role(str(role)) for role in properties.get("Roles") or ()]
        return {"iam:policy": [arn("policy", "ManagedPolicyName", 128)], "iam:role": roles}
    if kind == "AWS::IAM::InstanceProfile":
        return {"iam:instance-profile": [arn("instance-profile", "InstanceProfileName", 128)]}
    host = str(properties.get("Url") or "").removeprefix("https://")
    return {"iam:oidc-provider": [f"arn:aws:iam::{place.account}:oidc-provider/{host}"]}


def _eks(kind: str, properties: Properties, _physical_id: str, place: Place) -> Named:
    cluster = str(properties.get("ClusterName") or properties.get("Name") or "")
    named = {"eks:cluster": [place.arn("eks", f"cluster/{cluster}")]}
    if kind in ("AWS::EKS::AccessEntry", "AWS::EKS::Capability"):
        # The role of a capability gets an entry.
        principal = str(properties.get("PrincipalArn") or properties.get("RoleArn") or "")
        identity = principal.rpartition(":")[2].split("/")
        owner = f"{identity[0]}/{place.account}/{identity[-1]}"
        named["eks:access-entry"] = [place.arn("eks", f"access-entry/{cluster}/{owner}/{NEW}")]
    for part, member in (
        ("nodegroup", "NodegroupName"),
        ("addon", "AddonName"),
        ("fargateprofile", "FargateProfileName"),
    ):
        if name := properties.get(member):
            named[f"eks:{part}"] = [place.arn("eks", f"{part}/{cluster}/{name}/{NEW}")]
    for part, member in (("capability", "CapabilityName"), ("identityproviderconfig", "IdentityProviderConfigName")):
        if name := properties.get(member):
            of_type = f"{str(properties.get('Type')).lower()}/{name}/{NEW}"
            named[f"eks:{part}"] = [place.arn("eks", f"{part}/{cluster}/{of_type}")]
    if kind in ("AWS::EKS::PodIdentityAssociation", "AWS::EKS::Addon"):
        named["eks:podidentityassociation"] = [place.arn("eks", f"podidentityassociation/{cluster}/{NEW}")]
    if kind == "AWS::EKS::Cluster":
        profile = physical_name(place.stack, place.logical_id, 128)
        named["iam:instance-profile"] = [f"arn:aws:iam::{place.account}:instance-profile/{profile}"]
        providers = [entry.get("Provider") or {} for entry in properties.get("EncryptionConfig") or ()]
        named["kms:key"] = [str(provider.get("KeyArn")) for provider in providers]
    return named


def _efs(kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    own = physical_id.rpartition("/")[2] or NEW
    file_system = own if kind == "AWS::EFS::FileSystem" else str(properties.get("FileSystemId"))
    named = {"elasticfilesystem:file-system": [place.arn("elasticfilesystem", f"file-system/{file_system}")]}
    if kind == "AWS::EFS::AccessPoint":
        named["elasticfilesystem:access-point"] = [place.arn("elasticfilesystem", f"access-point/{own}")]
    if key := properties.get("KmsKeyId"):
        named["kms:key"] = [key if str(key).startswith("arn:") else place.arn("kms", f"key/{key}")]
    return named


def _acm(_kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    zones = {str(o["HostedZoneId"]) for o in properties.get("DomainValidationOptions") or () if o.get("HostedZoneId")}
    return {
        "acm:certificate": [physical_id or place.arn("acm", f"certificate/{NEW}")],
        "route53:hostedzone": [f"arn:aws:route53:::hostedzone/{zone}" for zone in sorted(zones)],
    }


def _route53(_kind: str, _properties: Properties, physical_id: str, _place: Place) -> Named:
    return {"route53:hostedzone": [f"arn:aws:route53:::hostedzone/{physical_id or NEW}"]}


def _kms(_kind: str, _properties: Properties, physical_id: str, place: Place) -> Named:
    return {"kms:key": [place.arn("kms", f"key/{physical_id or NEW}")]}


def _logs(_kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    name = properties.get("LogGroupName") or physical_id or physical_name(place.stack, place.logical_id, 512)
    return {"logs:log-group": [place.arn("logs", f"log-group:{name}")]}


def _s3(kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    member = "Bucket" if kind == "AWS::S3::BucketPolicy" else "BucketName"
    name = properties.get(member) or physical_id or physical_name(place.stack, place.logical_id, 63).lower()
    return {"s3:bucket": [f"arn:aws:s3:::{name}"]}


def _sns(kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    if kind == "AWS::SNS::TopicPolicy":
        return {"sns:topic": [str(topic) for topic in properties.get("Topics") or ()]}
    if kind == "AWS::SNS::Subscription":
        return {"sns:topic": [str(properties.get("TopicArn"))]}
    return {"sns:topic": [place.arn("sns", place.name(properties, "TopicName", physical_id, 256))]}


def _sqs(kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    if kind == "AWS::SQS::QueuePolicy":
        urls = [str(url) for url in properties.get("Queues") or ()]
        return {"sqs:queue": [place.arn("sqs", url.rpartition("/")[2]) for url in urls]}
    return {"sqs:queue": [place.arn("sqs", place.name(properties, "QueueName", physical_id, 80))]}


def _ssm(_kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    name = str(properties.get("Name") or physical_id or physical_name(place.stack, place.logical_id, 512))
    return {"ssm:parameter": [place.arn("ssm", f"parameter/{name.removeprefix('/')}")]}


def _secrets(kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    known = str(properties.get("SecretId") or "") if kind.endswith("ResourcePolicy") else physical_id
    name = known or properties.get("Name") or physical_name(place.stack, place.logical_id, 255)
    return {"secretsmanager:Secret": [known if known.startswith("arn:") else _secret(place, str(name))]}


def _secret(place: Place, name: str) -> str:
    return place.arn("secretsmanager", f"secret:{name}-AbCdEf")


def _events(_kind: str, properties: Properties, physical_id: str, place: Place) -> Named:
    rule = place.name(properties, "Name", physical_id.rpartition("|")[2], 64)
    return {"events:rule-on-default-event-bus": [place.arn("events", f"rule/{rule}")]}


_OF_SERVICE = {
    "CertificateManager": _acm,
    "EFS": _efs,
    "EKS": _eks,
    "Events": _events,
    "IAM": _iam,
    "KMS": _kms,
    "Logs": _logs,
    "Route53": _route53,
    "S3": _s3,
    "SNS": _sns,
    "SQS": _sqs,
    "SSM": _ssm,
    "SecretsManager": _secrets,
}
