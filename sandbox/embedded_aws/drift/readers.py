"""Drift readers: what each resource is now, in the shape of its template's properties.

CloudFormation compares only what a template sets, so every value is cut down to the members that it sets.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import ec2, efs, iam, kms, route53, secretsmanager
from ministack.services.cloudformation import drift, provisioners

from ..cloudformation.resource_handlers import Properties
from .eks import EKS_READERS
from .security_groups import read_security_group
from .shapes import as_document, limited_to

Reader = Callable[[str, Properties], Properties | None]


def _ec2_tags(identifier: str) -> list[Any]:
    return list(ec2._tags.get(identifier) or [])


def _read_vpc(physical_id: str, _props: Properties) -> Properties | None:
    vpc = ec2._vpcs.get(physical_id)
    if vpc is None:
        return None
    return {
        "CidrBlock": vpc["CidrBlock"],
        "EnableDnsSupport": vpc.get("EnableDnsSupport", True),
        "EnableDnsHostnames": vpc.get("EnableDnsHostnames", False),
        "InstanceTenancy": vpc.get("InstanceTenancy", "default"),
        "Tags": _ec2_tags(physical_id),
    }


def _read_subnet(physical_id: str, _props: Properties) -> Properties | None:
    subnet = ec2._subnets.get(physical_id)
    if subnet is None:
        return None
    members = ("VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch")
    return {**{member: subnet[member] for member in members}, "Tags": _ec2_tags(physical_id)}


def _read_nat_gateway(physical_id: str, _props: Properties) -> Properties | None:
    gateway = ec2._nat_gateways.get(physical_id)
    if gateway is None or gateway["State"] == "deleted":
        return None
    return {
        "SubnetId": gateway["SubnetId"],
        "AllocationId": gateway["AllocationId"],
        "ConnectivityType": gateway["ConnectivityType"],
        "Tags": _ec2_tags(physical_id),
    }


def _read_route_table(physical_id: str, _props: Properties) -> Properties | None:
    table = ec2._route_tables.get(physical_id)
    return None if table is None else {"VpcId": table["VpcId"], "Tags": _ec2_tags(physical_id)}


def _read_route(_physical_id: str, props: Properties) -> Properties | None:
    table = ec2._route_tables.get(props.get("RouteTableId", "")) or {"Routes": []}
    destination, value = provisioners._ec2_route_destination(props)
    for route in table["Routes"]:
        if route.get(destination) == value:
            return {
                **{target: route[target] for target in provisioners._EC2_ROUTE_TARGETS if target in route},
                destination: value,
                "RouteTableId": props["RouteTableId"],
            }
    return None


def _read_association(physical_id: str, _props: Properties) -> Properties | None:
    for table in ec2._route_tables.values():
        for association in table["Associations"]:
            if association["RouteTableAssociationId"] == physical_id:
                return {"SubnetId": association.get("SubnetId"), "RouteTableId": table["RouteTableId"]}
    return None


def _read_address(physical_id: str, _props: Properties) -> Properties | None:
    for allocation_id, address in ec2._addresses.items():
        if address["PublicIp"] == physical_id:
            return {"Domain": address["Domain"], "Tags": _ec2_tags(allocation_id)}
    return None


def _read_attachment(_physical_id: str, props: Properties) -> Properties | None:
    gateway = ec2._internet_gateways.get(props.get("InternetGatewayId", "")) or {"Attachments": []}
    attached = {attachment.get("VpcId") for attachment in gateway["Attachments"]}
    return {"VpcId": props["VpcId"]} if props.get("VpcId") in attached else None


def _read_launch_template(physical_id: str, props: Properties) -> Properties | None:
    template = ec2._launch_templates.get(physical_id)
    if template is None:
        return None
    latest = max(template["Versions"], key=lambda version: int(version["VersionNumber"]))
    data = limited_to(props.get("LaunchTemplateData"), latest["LaunchTemplateData"])
    return {"LaunchTemplateName": template["LaunchTemplateName"], "LaunchTemplateData": data}


def _read_role(physical_id: str, _props: Properties) -> Properties | None:
    role = iam._roles.get(physical_id)
    if role is None:
        return None
    inline = role.get("InlinePolicies") or {}
    return {
        "RoleName": role["RoleName"],
        "Path": role.get("Path", "/"),
        "Description": role.get("Description", ""),
        "MaxSessionDuration": role.get("MaxSessionDuration"),
        "AssumeRolePolicyDocument": as_document(role.get("AssumeRolePolicyDocument")),
        "PermissionsBoundary": role.get("PermissionsBoundary") or "",
        "ManagedPolicyArns": list(role.get("AttachedPolicies") or []),
        "Policies": [{"PolicyName": name, "PolicyDocument": as_document(text)} for name, text in inline.items()],
        "Tags": list(role.get("Tags") or []),
    }


def _read_managed_policy(physical_id: str, _props: Properties) -> Properties | None:
    policy = iam._policies.get(physical_id)
    if policy is None:
        return None
    versions = policy["Versions"]
    entries = list(versions.values()) if isinstance(versions, dict) else versions
    default = next(version for version in entries if version.get("IsDefaultVersion"))
    return {
        "ManagedPolicyName": policy["PolicyName"],
        "Path": policy.get("Path", "/"),
        "Description": policy.get("Description", ""),
        "PolicyDocument": as_document(default["Document"]),
    }


def _read_oidc_provider(physical_id: str, _props: Properties) -> Properties | None:
    provider = iam._oidc_providers.get(physical_id)
    if provider is None:
        return None
    return {
        "Url": provider["Url"],
        "ClientIdList": provider["ClientIDList"],
        "ThumbprintList": provider["ThumbprintList"],
        "Tags": provider.get("Tags") or [],
    }


def _read_key(physical_id: str, _props: Properties) -> Properties | None:
    key = kms._resolve_key(physical_id)
    if key is None or key.get("KeyState") == "PendingDeletion":
        return None
    return {
        "Description": key.get("Description", ""),
        "Enabled": key.get("Enabled", True),
        "EnableKeyRotation": key.get("KeyRotationEnabled", False),
        "KeyPolicy": as_document(key.get("Policy")),
        "Tags": [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in key.get("Tags") or []],
    }


def _read_secret(physical_id: str, _props: Properties) -> Properties | None:
    for secret in secretsmanager._secrets.values():
        if secret["ARN"] == physical_id and not secret.get("DeletedDate"):
            return {
                "Name": secret["Name"],
                "Description": secret.get("Description", ""),
                "Tags": list(secret.get("Tags") or []),
            }
    return None


def _read_secret_policy(_physical_id: str, props: Properties) -> Properties | None:
    _name, secret = secretsmanager._resolve(props.get("SecretId"))
    policy = secretsmanager._resource_policies.get(secret["ARN"]) if secret else None
    return {"ResourcePolicy": as_document(policy)} if policy else None


def _exists(store: Callable[[], Any]) -> Reader:
    return lambda physical_id, _props: {} if physical_id in store() else None


_READERS: dict[str, tuple[Reader, tuple[str, ...]]] = {
    "AWS::EC2::VPC": (_read_vpc, ("CidrBlock", "EnableDnsSupport", "EnableDnsHostnames", "InstanceTenancy", "Tags")),
    "AWS::EC2::Subnet": (_read_subnet, ("VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "Tags")),
    "AWS::EC2::SecurityGroup": (
        read_security_group,
        ("GroupDescription", "VpcId", "SecurityGroupIngress", "SecurityGroupEgress", "Tags"),
    ),
    "AWS::EC2::NatGateway": (_read_nat_gateway, ("SubnetId", "AllocationId", "ConnectivityType", "Tags")),
    "AWS::EC2::RouteTable": (_read_route_table, ("VpcId", "Tags")),
    "AWS::EC2::Route": (
        _read_route,
        ("RouteTableId", *provisioners._EC2_ROUTE_TARGETS, *provisioners._EC2_ROUTE_DESTINATIONS),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": (_read_association, ("SubnetId", "RouteTableId")),
    "AWS::EC2::EIP": (_read_address, ("Domain", "Tags")),
    "AWS::EC2::LaunchTemplate": (_read_launch_template, ("LaunchTemplateName", "LaunchTemplateData")),
    "AWS::EC2::VPCGatewayAttachment": (_read_attachment, ("VpcId",)),
    "AWS::EC2::InternetGateway": (_exists(lambda: ec2._internet_gateways), ()),
    "AWS::EC2::FlowLog": (_exists(lambda: ec2._flow_logs), ()),
    "AWS::EC2::VPCEndpoint": (_exists(lambda: ec2._vpc_endpoints), ()),
    "AWS::EFS::FileSystem": (_exists(lambda: efs._file_systems), ()),
    "AWS::EFS::AccessPoint": (_exists(lambda: efs._access_points), ()),
    "AWS::EFS::MountTarget": (_exists(lambda: efs._mount_targets), ()),
    "AWS::Route53::HostedZone": (_exists(lambda: route53._zones), ()),
    "AWS::IAM::InstanceProfile": (_exists(lambda: iam._instance_profiles), ()),
    "AWS::IAM::Role": (
        _read_role,
        (
            "RoleName",
            "Path",
            "Description",
            "MaxSessionDuration",
            "AssumeRolePolicyDocument",
            "PermissionsBoundary",
            "ManagedPolicyArns",
            "Policies",
            "Tags",
        ),
    ),
    "AWS::IAM::ManagedPolicy": (_read_managed_policy, ("ManagedPolicyName", "Path", "Description", "PolicyDocument")),
    "AWS::IAM::OIDCProvider": (_read_oidc_provider, ("Url", "ClientIdList", "ThumbprintList", "Tags")),
    "AWS::KMS::Key": (_read_key, ("Description", "Enabled", "EnableKeyRotation", "KeyPolicy", "Tags")),
    "AWS::SecretsManager::ResourcePolicy": (_read_secret_policy, ("ResourcePolicy",)),
    "AWS::SecretsManager::Secret": (_read_secret, ("Name", "Description", "Tags")),
    **EKS_READERS,
}


def install() -> None:
    """Register the readers with MiniStack's drift detection."""
    for kind, (reader, properties) in _READERS.items():
        drift._DRIFT_READERS[kind] = (reader, frozenset(properties))
