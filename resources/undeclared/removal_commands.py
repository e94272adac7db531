"""The type in CloudFormation of what an ARN names, and the command that removes it: pure.

Source: service authorization reference (formats of ARNs), AWS CLI command reference.
"""

from __future__ import annotations

from collections.abc import Mapping

# Service and beginning of the name in an ARN -> the type.
_TYPES: tuple[tuple[str, str, str], ...] = (
    ("acm", "certificate/", "AWS::CertificateManager::Certificate"),
    ("cloudformation", "stack/", "AWS::CloudFormation::Stack"),
    ("dynamodb", "table/", "AWS::DynamoDB::Table"),
    ("ec2", "internet-gateway/", "AWS::EC2::InternetGateway"),
    ("ec2", "launch-template/", "AWS::EC2::LaunchTemplate"),
    ("ec2", "natgateway/", "AWS::EC2::NatGateway"),
    ("ec2", "route-table/", "AWS::EC2::RouteTable"),
    ("ec2", "security-group/", "AWS::EC2::SecurityGroup"),
    ("ec2", "snapshot/", "AWS::EC2::Snapshot"),
    ("ec2", "subnet/", "AWS::EC2::Subnet"),
    ("ec2", "volume/", "AWS::EC2::Volume"),
    ("ec2", "vpc/", "AWS::EC2::VPC"),
    ("eks", "cluster/", "AWS::EKS::Cluster"),
    ("elasticfilesystem", "file-system/", "AWS::EFS::FileSystem"),
    ("events", "rule/", "AWS::Events::Rule"),
    ("iam", "role/", "AWS::IAM::Role"),
    ("kms", "key/", "AWS::KMS::Key"),
    ("logs", "log-group:", "AWS::Logs::LogGroup"),
    ("route53", "hostedzone/", "AWS::Route53::HostedZone"),
    ("s3", "", "AWS::S3::Bucket"),
    ("ssm", "parameter", "AWS::SSM::Parameter"),
)
# These are known by their whole ARN.
_BY_ARN = {"secretsmanager": "AWS::SecretsManager::Secret", "sns": "AWS::SNS::Topic", "sqs": "AWS::SQS::Queue"}
_LAST = frozenset({"AWS::IAM::Role"})  # known by the name behind the path
_WHOLE = frozenset({"AWS::CertificateManager::Certificate"})  # and these, of several types of a service

_COMMANDS: Mapping[str, str] = {
    "AWS::CertificateManager::Certificate": "aws acm delete-certificate --certificate-arn {id}",
    "AWS::CloudFormation::Stack": "aws cloudformation delete-stack --stack-name {id}",
    "AWS::DynamoDB::Table": "aws dynamodb delete-table --table-name {id}",
    "AWS::EC2::Instance": "aws ec2 terminate-instances --instance-ids {id}",
    "AWS::EC2::InternetGateway": "aws ec2 delete-internet-gateway --internet-gateway-id {id}",
    "AWS::EC2::LaunchTemplate": "aws ec2 delete-launch-template --launch-template-id {id}",
    "AWS::EC2::NatGateway": "aws ec2 delete-nat-gateway --nat-gateway-id {id}",
    "AWS::EC2::NetworkInterface": "aws ec2 delete-network-interface --network-interface-id {id}",
    "AWS::EC2::RouteTable": "aws ec2 delete-route-table --route-table-id {id}",
    "AWS::EC2::SecurityGroup": "aws ec2 delete-security-group --group-id {id}",
    "AWS::EC2::Snapshot": "aws ec2 delete-snapshot --snapshot-id {id}",
    "AWS::EC2::Subnet": "aws ec2 delete-subnet --subnet-id {id}",
    "AWS::EC2::VPC": "aws ec2 delete-vpc --vpc-id {id}",
    "AWS::EC2::VPCEndpoint": "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {id}",
    "AWS::EC2::Volume": "aws ec2 delete-volume --volume-id {id}",
    "AWS::EFS::FileSystem": "aws efs delete-file-system --file-system-id {id}",
    "AWS::EKS::Cluster": "aws eks delete-cluster --name {id}",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "aws elbv2 delete-load-balancer --load-balancer-arn {id}",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "aws elbv2 delete-target-group --target-group-arn {id}",
    "AWS::Events::Rule": "aws events delete-rule --name {id}",
    "AWS::IAM::InstanceProfile": "aws iam delete-instance-profile --instance-profile-name {id}",
    "AWS::IAM::OIDCProvider": "aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {id}",
    "AWS::IAM::Role": "aws iam delete-role --role-name {id}",
    "AWS::KMS::Key": "aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 7",
    "AWS::Logs::LogGroup": "aws logs delete-log-group --log-group-name {id}",
    "AWS::Route53::HostedZone": "aws route53 delete-hosted-zone --id {id}",
    "AWS::S3::Bucket": "aws s3 rb --force s3://{id}",
    "AWS::SNS::Topic": "aws sns delete-topic --topic-arn {id}",
    "AWS::SQS::Queue": "aws sqs delete-queue --queue-url $(aws sqs get-queue-url --queue-name {name} --output text)",
    "AWS::SSM::Parameter": "aws ssm delete-parameter --name {id}",
    "AWS::SecretsManager::Secret": "aws secretsmanager delete-secret --secret-id {id} --recovery-window-in-days 7",
}


def parse_arn(arn: str) -> tuple[str, str]:
    """Type and physical id of what the ARN names; of an unknown type the service and the ARN itself."""
    _, _, service, _, _, name = arn.split(":", 5)
    if service in _BY_ARN:
        return _BY_ARN[service], arn
    for of, begin, kind in _TYPES:
        if service == of and name.startswith(begin):
            if kind in _WHOLE:
                return kind, arn
            own = name.removeprefix(begin).removesuffix(":*")
            if kind == "AWS::CloudFormation::Stack":
                return kind, own.partition("/")[0]
            return kind, own.rpartition("/")[2] if kind in _LAST else own
    return service, arn


def removal_command(kind: str, identifier: str, region: str) -> str:
    """The command of the AWS CLI that removes it; empty where none is known."""
    command = _COMMANDS.get(kind, "")
    filled = command.format(id=identifier, name=identifier.rpartition(":")[2])
    return f"{filled} --region {region}" if command else ""
