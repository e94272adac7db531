"""The resources that a call is about, by type and name, as LookupEvents finds them."""

import re
from typing import Any

Named = tuple[tuple[str, str], ...]

# By event source: a request parameter, or a member of the answer to a call that makes something, and its type.
_TYPES: dict[str, dict[str, str]] = {
    "acm": {"certificateArn": "AWS::ACM::Certificate"},
    "cloudformation": {"stackName": "AWS::CloudFormation::Stack", "changeSetName": "AWS::CloudFormation::ChangeSet"},
    "dynamodb": {"tableName": "AWS::DynamoDB::Table"},
    "ec2": {
        "allocationId": "AWS::EC2::EIP",
        "groupId": "AWS::EC2::SecurityGroup",
        "instanceId": "AWS::EC2::Instance",
        "internetGatewayId": "AWS::EC2::InternetGateway",
        "launchTemplateId": "AWS::EC2::LaunchTemplate",
        "natGatewayId": "AWS::EC2::NatGateway",
        "networkInterfaceId": "AWS::EC2::NetworkInterface",
        "resourceId": "AWS::EC2::Resource",
        "routeTableId": "AWS::EC2::RouteTable",
        "subnetId": "AWS::EC2::Subnet",
        "volumeId": "AWS::EC2::Volume",
        "vpcId": "AWS::EC2::VPC",
    },
    "eks": {
        "addonName": "AWS::EKS::Addon",
        "clusterName": "AWS::EKS::Cluster",
        "name": "AWS::EKS::Cluster",
        "nodegroupName": "AWS::EKS::Nodegroup",
        "principalArn": "AWS::EKS::AccessEntry",
    },
    "elasticfilesystem": {"fileSystemId": "AWS::EFS::FileSystem"},
    "elasticloadbalancing": {
        "loadBalancerArn": "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "targetGroupArn": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "listenerArn": "AWS::ElasticLoadBalancingV2::Listener",
    },
    "events": {"name": "AWS::Events::Rule", "rule": "AWS::Events::Rule"},
    "iam": {
        "groupName": "AWS::IAM::Group",
        "instanceProfileName": "AWS::IAM::InstanceProfile",
        "openIDConnectProviderArn": "AWS::IAM::OIDCProvider",
        "policyArn": "AWS::IAM::Policy",
        "roleName": "AWS::IAM::Role",
        "userName": "AWS::IAM::User",
    },
    "kms": {"keyId": "AWS::KMS::Key"},
    "logs": {"logGroupName": "AWS::Logs::LogGroup"},
    "route53": {"hostedZoneId": "AWS::Route53::HostedZone"},
    "s3": {"bucketName": "AWS::S3::Bucket"},
    "secretsmanager": {"secretId": "AWS::SecretsManager::Secret", "name": "AWS::SecretsManager::Secret"},
    "sns": {"topicArn": "AWS::SNS::Topic"},
    "sqs": {"queueUrl": "AWS::SQS::Queue"},
    "ssm": {"name": "AWS::SSM::Parameter"},
}
_MAKES = re.compile(r"^(Create|Run|Allocate|Request|Import)")


def named_resources(service: str, action: str, parameters: dict[str, Any], answer: bytes) -> Named:
    """Type and name of what a call names, or, where it made something, of what its answer names."""
    types = _TYPES.get(service, {})
    found = {(types[name], text) for name, text in _texts(parameters) if name in types}
    if _MAKES.match(action):
        text = answer.decode(errors="replace")
        for name, kind in types.items():
            pattern = rf'(?i)<{name}>([^<]+)<|"{name}"\s*:\s*"([^"]+)"'
            found |= {(kind, match[1] or match[2]) for match in re.finditer(pattern, text)}
    return tuple(sorted(found))


def _texts(node: Any, name: str = "") -> list[tuple[str, str]]:
    """Every text in the parameters with the name that it has; a list's items have the list's."""
    if isinstance(node, dict):
        return [pair for key, value in node.items() for pair in _texts(value, key)]
    if isinstance(node, list):
        return [pair for value in node for pair in _texts(value, name)]
    return [(name, node)] if isinstance(node, str) and node else []
