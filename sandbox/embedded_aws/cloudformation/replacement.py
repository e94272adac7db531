"""Which property changes replace a resource: create-only properties of the CloudFormation resource schemas.

MiniStack knows those of other types itself; for the types here it would answer "Conditionally".
"""

from typing import Any

from ministack.services.cloudformation import changesets, provisioners, stacks

Change = dict[str, Any]

CREATE_ONLY: dict[str, tuple[str, ...]] = {
    "AWS::EC2::VPC": ("CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "VpcEncryptionControl"),
    "AWS::EC2::Subnet": (
        "VpcId",
        "AvailabilityZone",
        "AvailabilityZoneId",
        "CidrBlock",
        "OutpostArn",
        "Ipv6Native",
        "Ipv4IpamPoolId",
        "Ipv4NetmaskLength",
        "Ipv6IpamPoolId",
        "Ipv6NetmaskLength",
    ),
    "AWS::SecretsManager::ResourcePolicy": ("SecretId",),
    "AWS::EC2::InternetGateway": (),
    "AWS::EC2::VPCGatewayAttachment": ("VpcId",),
    "AWS::EC2::EIP": ("NetworkBorderGroup", "TransferAddress", "IpamPoolId", "Address"),
    "AWS::EC2::NatGateway": (
        "VpcId",
        "SubnetId",
        "ConnectivityType",
        "AllocationId",
        "PrivateIpAddress",
        "AvailabilityMode",
    ),
    "AWS::EC2::RouteTable": ("VpcId",),
    "AWS::EC2::Route": (
        "RouteTableId",
        "DestinationCidrBlock",
        "DestinationIpv6CidrBlock",
        "DestinationPrefixListId",
    ),
    "AWS::EC2::SubnetRouteTableAssociation": ("SubnetId", "RouteTableId"),
    "AWS::EC2::SecurityGroup": ("GroupDescription", "GroupName", "VpcId"),
    "AWS::EC2::SecurityGroupIngress": (
        "GroupName",
        "IpProtocol",
        "SourceSecurityGroupId",
        "SourcePrefixListId",
        "ToPort",
        "CidrIp",
        "SourceSecurityGroupName",
        "SourceSecurityGroupOwnerId",
        "FromPort",
        "GroupId",
        "CidrIpv6",
    ),
    "AWS::EC2::SecurityGroupEgress": (
        "IpProtocol",
        "DestinationSecurityGroupId",
        "ToPort",
        "CidrIp",
        "FromPort",
        "GroupId",
        "CidrIpv6",
        "DestinationPrefixListId",
    ),
    "AWS::EC2::FlowLog": (
        "DeliverCrossAccountRole",
        "DeliverLogsPermissionArn",
        "LogGroupName",
        "LogDestination",
        "ResourceId",
        "TrafficType",
        "LogDestinationType",
        "ResourceType",
        "LogFormat",
        "MaxAggregationInterval",
        "DestinationOptions",
        "TagFieldSpecifications",
    ),
    "AWS::EC2::VPCEndpoint": (
        "ServiceName",
        "VpcEndpointType",
        "VpcId",
        "ServiceNetworkArn",
        "ResourceConfigurationArn",
        "ServiceRegion",
    ),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateName",),
    "AWS::Route53::HostedZone": ("Name", "DelegationSetId"),
    "AWS::Route53::RecordSet": ("HostedZoneName", "HostedZoneId", "Name", "Type"),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::IAM::OIDCProvider": ("Url",),
    "AWS::KMS::Key": (),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::SQS::QueuePolicy": (),
    "AWS::SNS::TopicPolicy": (),
    "AWS::IAM::Policy": (),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::Logs::ResourcePolicy": ("PolicyName",),
    "AWS::Events::Rule": ("Name",),
    "AWS::SNS::Subscription": ("Endpoint", "Protocol", "TopicArn"),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::EKS::Cluster": ("Name", "RoleArn", "EncryptionConfig", "OutpostConfig", "BootstrapSelfManagedAddons"),
    "AWS::EKS::Nodegroup": (
        "AmiType",
        "CapacityType",
        "ClusterName",
        "DiskSize",
        "InstanceTypes",
        "NodeRole",
        "NodegroupName",
        "RemoteAccess",
        "Subnets",
    ),
    "AWS::EKS::Addon": ("AddonName", "ClusterName", "NamespaceConfig"),
    "AWS::EKS::AccessEntry": ("ClusterName", "PrincipalArn", "Type"),
    "AWS::EKS::PodIdentityAssociation": ("ClusterName", "Namespace", "ServiceAccount"),
    "AWS::EKS::Capability": ("CapabilityName", "ClusterName", "Type"),
    "AWS::EKS::IdentityProviderConfig": ("ClusterName", "IdentityProviderConfigName", "Oidc", "Type"),
    "AWS::EKS::FargateProfile": (
        "ClusterName",
        "FargateProfileName",
        "PodExecutionRoleArn",
        "Selectors",
        "Subnets",
    ),
}

# Properties of which only some members are create-only.
CREATE_ONLY_MEMBERS: dict[str, dict[str, tuple[str, ...]]] = {
    "AWS::EKS::Cluster": {
        "KubernetesNetworkConfig": ("IpFamily", "ServiceIpv4Cidr"),
        "AccessConfig": ("BootstrapClusterCreatorAdminPermissions",),
    },
}

_diff_resources = stacks._diff_resources


def replaces(kind: str, name: str, old: Any, new: Any) -> bool:
    """Whether changing this property from `old` to `new` replaces a resource of this type."""
    members = CREATE_ONLY_MEMBERS.get(kind, {}).get(name)
    if members is None:
        return name in CREATE_ONLY.get(kind, ())
    before, after = old or {}, new or {}
    return any(before.get(member) != after.get(member) for member in members)


def diff_resources(old: Any, new: Any, *arguments: Any, **keywords: Any) -> list[Change]:
    """The changes of a change set, with partly create-only properties judged by the members that changed."""
    changes: list[Change] = _diff_resources(old, new, *arguments, **keywords)
    for change in changes:
        resource = change["ResourceChange"]
        members = CREATE_ONLY_MEMBERS.get(resource["ResourceType"])
        if members and resource["Action"] == "Modify":
            logical_id = resource["LogicalResourceId"]
            before = old["Resources"][logical_id].get("Properties") or {}
            after = new["Resources"][logical_id].get("Properties") or {}
            _judge(resource, before, after, members)
    return changes


def _judge(resource: Change, before: Any, after: Any, members: dict[str, tuple[str, ...]]) -> None:
    for detail in resource["Details"]:
        target = detail["Target"]
        if target.get("Name") in members:
            name = target["Name"]
            replacing = replaces(resource["ResourceType"], name, before.get(name), after.get(name))
            target["RequiresRecreation"] = "Always" if replacing else "Never"
            detail["Evaluation"] = "Static"
    resource["Replacement"] = stacks._replacement(resource["Details"], False)


_replacing_change = provisioners._replacing_change


def replacing_change(kind: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether an update from `old` to `new` replaces the resource."""
    if kind in CREATE_ONLY:
        return any(
            replaces(kind, name, old.get(name), new.get(name))
            for name in old.keys() | new.keys()
            if old.get(name) != new.get(name)
        )
    return bool(_replacing_change(kind, old, new))


def install() -> None:
    """Teach MiniStack the tables."""
    provisioners._REPLACING_PROPERTIES.update(CREATE_ONLY)
    provisioners._CONDITIONALLY_REPLACING_PROPERTIES.update(
        {kind: tuple(members) for kind, members in CREATE_ONLY_MEMBERS.items()}
    )
    provisioners._replacing_change = replacing_change
    stacks._replacing_change = replacing_change
    changesets._diff_resources = diff_resources
