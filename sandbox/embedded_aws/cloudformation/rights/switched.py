"""What a handler's properties switch on: schemas list more than most templates need. Pure.

Each line: a type, or `*`; actions; what has to be among the properties (in an update: among those that differ); and why
nothing else needs them. Actions without a line are always needed.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..resource_handlers import Properties


@dataclass(frozen=True)
class Switch:
    """`members`: the properties of which one is enough; none where no property that we know switches it on."""

    kind: str
    actions: tuple[str, ...]
    members: tuple[str, ...]
    why: str

    def concerns(self, kind: str, action: str) -> bool:
        return fnmatchcase(kind, self.kind) and any(fnmatchcase(action, pattern) for pattern in self.actions)


def _switch(kind: str, actions: str, members: str, why: str) -> Switch:
    return Switch(kind if kind == "*" else f"AWS::{kind}", tuple(actions.split()), tuple(members.split()), why)


_TAGS = "tags are set by a call of their own"
_TAG_MEMBERS = "Tags AccessPointTags FileSystemTags HostedZoneTags"
SWITCHES = (
    _switch("IAM::*", "iam:TagRole iam:UntagRole iam:*OpenIDConnectProviderTags", _TAG_MEMBERS, _TAGS),
    _switch("IAM::*", "iam:TagOpenIDConnectProvider iam:UntagOpenIDConnectProvider", _TAG_MEMBERS, _TAGS),
    _switch("*", "*:UntagResource *:RemoveTagsFrom* ec2:DeleteTags sqs:UntagQueue", _TAG_MEMBERS, _TAGS),
    _switch("*", "*:TagResource *:AddTagsTo* ec2:CreateTags sqs:TagQueue sqs:ListQueueTags", _TAG_MEMBERS, _TAGS),
    _switch("*", "elasticfilesystem:DeleteTags route53:ChangeTagsForResource", _TAG_MEMBERS, _TAGS),
    _switch("IAM::Role", "iam:AttachRolePolicy iam:DetachRolePolicy", "ManagedPolicyArns", "policies of their own"),
    _switch("IAM::Role", "iam:*RolePolicy", "Policies", "inline policies"),
    _switch("IAM::Role", "iam:PutRolePermissionsBoundary", "PermissionsBoundary", "a role is made with its boundary"),
    _switch("IAM::Role", "iam:DeleteRolePermissionsBoundary", "", "a template that takes a boundary away"),
    _switch("IAM::Role", "iam:UpdateAssumeRolePolicy", "AssumeRolePolicyDocument", "who may be the role"),
    _switch("IAM::Role", "iam:UpdateRole", "Description MaxSessionDuration", "these two"),
    _switch("IAM::Role", "iam:UpdateRoleDescription", "Description", "the description"),
    _switch("IAM::ManagedPolicy", "iam:*GroupPolicy", "Groups", "groups that get it"),
    _switch("IAM::ManagedPolicy", "iam:*UserPolicy", "Users", "users that get it"),
    _switch("IAM::ManagedPolicy", "iam:AttachRolePolicy iam:DetachRolePolicy", "Roles", "roles that get it"),
    _switch("IAM::OIDCProvider", "iam:*ClientID*", "ClientIdList", "audiences"),
    _switch("IAM::OIDCProvider", "iam:UpdateOpenIDConnectProviderThumbprint", "ThumbprintList", "thumbprints"),
    _switch("EKS::Capability", "sso:* identitystore:*", "Configuration", "Argo CD's users in Identity Center"),
    _switch("EC2::EIP", "ec2:AcceptAddressTransfer", "TransferAddress", "an address of another account"),
    _switch("EC2::EIP", "ec2:AssociateAddress ec2:DisassociateAddress", "InstanceId", "an instance that gets it"),
    _switch("EC2::FlowLog", "s3:* firehose:*", "LogDestination", "logs that go elsewhere"),
    _switch("EC2::FlowLog", "autoscaling:DescribeTags ec2:DescribeTags", "", "what reads tags"),
    _switch("EC2::FlowLog", "iam:PassRole", "DeliverLogsPermissionArn", "the role that writes"),
    _switch("EC2::*", "ec2:*VpnGateway* vpc-lattice:* vpce:*", "VpnGatewayId ServiceNetworkArn", "other networks"),
    _switch("EC2::VPC", "ec2:CreateVpcEncryptionControl", "VpcEncryptionControl", "encryption in transit"),
    _switch("EC2::VPC", "ec2:ModifyVpcTenancy", "InstanceTenancy", "another tenancy"),
    _switch("EC2::VPC", "ec2:ModifyVpcAttribute", "EnableDnsHostnames EnableDnsSupport", "names in DNS"),
    _switch("EC2::Subnet", "ec2:*SubnetCidrBlock", "Ipv6CidrBlock", "IPv6"),
    _switch("EC2::Subnet", "ec2:ModifySubnetAttribute", "MapPublicIpOnLaunch", "public addresses"),
    _switch("EC2::NatGateway", "ec2:*NatGatewayAddress", "SecondaryAllocationIds SecondaryPrivateIpAddresses", "more"),
    _switch("EC2::SecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "SecurityGroupIngress", "rules"),
    _switch("EC2::SecurityGroup", "ec2:AuthorizeSecurityGroupEgress", "SecurityGroupEgress", "rules"),
    _switch("EC2::SecurityGroup", "ec2:RevokeSecurityGroupIngress", "SecurityGroupIngress", "rules"),
    _switch("EC2::SecurityGroup", "ec2:RevokeSecurityGroupEgress", "SecurityGroupEgress", "rules"),
    _switch("EC2::SecurityGroup", "ec2:UpdateSecurityGroupRule*", "SecurityGroupIngress SecurityGroupEgress", "rules"),
    _switch("EFS::FileSystem", "elasticfilesystem:*Replication* iam:*", "ReplicationConfiguration", "copies elsewhere"),
    _switch("EFS::FileSystem", "kms:*", "KmsKeyId", "a key of its own"),
    _switch("EFS::FileSystem", "elasticfilesystem:*BackupPolicy", "BackupPolicy", "backups"),
    _switch("EFS::FileSystem", "elasticfilesystem:*FileSystemPolicy", "FileSystemPolicy", "a policy of its own"),
    _switch("EFS::FileSystem", "elasticfilesystem:*LifecycleConfiguration", "LifecyclePolicies", "colder storage"),
    _switch("EFS::FileSystem", "elasticfilesystem:UpdateFileSystemProtection", "FileSystemProtection", "of copies"),
    _switch("EKS::AccessEntry", "eks:*AccessPolicy eks:ListAssociated*", "AccessPolicies", "access policies"),
    _switch("EKS::Addon", "eks:*PodIdentityAssociation", "PodIdentityAssociations", "roles of its service accounts"),
    _switch("EKS::Addon", "iam:*", "PodIdentityAssociations ServiceAccountRoleArn", "roles of its service accounts"),
    _switch("EKS::Cluster", "iam:*InstanceProfile", "ComputeConfig", "nodes of auto mode"),
    _switch("EKS::Cluster", "kms:*", "EncryptionConfig", "a key of its own"),
    _switch("EKS::Cluster", "eks:CreateAccessEntry", "ComputeConfig", "nodes of auto mode"),
    _switch("EKS::Cluster", "iam:PassRole", "RoleArn ComputeConfig", "its roles"),
    _switch("EKS::Cluster", "eks:ActivateCertificateAuthority", "CertificateAuthority", "another authority"),
    _switch("EKS::Cluster", "eks:UpdateClusterVersion", "Version", "another version"),
    _switch("EKS::Nodegroup", "ec2:DescribeKeyPairs", "RemoteAccess", "SSH"),
    _switch("EKS::Nodegroup", "ec2:RunInstances ec2:DescribeLaunchTemplate*", "LaunchTemplate", "a launch template"),
    _switch("EKS::Nodegroup", "eks:UpdateNodegroupVersion", "Version ReleaseVersion LaunchTemplate", "another image"),
    _switch("Events::Rule", "iam:PassRole", "RoleArn", "targets that take a role"),
    _switch("KMS::Key", "kms:DisableKey kms:EnableKey", "Enabled", "a key that is disabled"),
    _switch("KMS::Key", "kms:*KeyRotation", "EnableKeyRotation", "rotation"),
    _switch("KMS::Key", "kms:PutKeyPolicy", "KeyPolicy", "a policy"),
    _switch("KMS::Key", "kms:UpdateKeyDescription", "Description", "the description"),
    _switch("Logs::LogGroup", "firehose:*", "", "logs that go elsewhere"),
    _switch("Logs::LogGroup", "logs:*LogDelivery logs:*BearerToken* logs:*Protection", "DataProtectionPolicy", "masks"),
    _switch("Logs::LogGroup", "logs:*IndexPolicy", "FieldIndexPolicies", "indexes"),
    _switch("Logs::LogGroup", "logs:*ResourcePolicy", "ResourcePolicyDocument", "a policy of its own"),
    _switch("Logs::LogGroup", "logs:*RetentionPolicy", "RetentionInDays", "retention"),
    _switch("Logs::LogGroup", "logs:*KmsKey", "KmsKeyId", "a key of its own"),
    _switch("Logs::LogGroup", "logs:*DataProtectionPolicy", "DataProtectionPolicy", "masks"),
    _switch("Route53::HostedZone", "route53:*QueryLogging*", "QueryLoggingConfig", "logs of queries"),
    _switch("Route53::HostedZone", "route53:*VPC* ec2:DescribeVpcs", "VPCs", "a private zone"),
    _switch("Route53::HostedZone", "route53:UpdateHostedZoneFeatures", "HostedZoneFeatures", "features"),
    _switch("Route53::HostedZone", "route53:UpdateHostedZoneComment", "HostedZoneConfig", "the comment"),
    _switch("S3::Bucket", "s3tables:* s3:*Metadata*", "MetadataConfiguration MetadataTableConfiguration", "metadata"),
    _switch("S3::Bucket", "iam:PassRole s3:*Replication*", "ReplicationConfiguration", "copies elsewhere"),
    _switch("S3::Bucket", "s3:*Accelerate*", "AccelerateConfiguration", "acceleration"),
    _switch("S3::Bucket", "s3:*Analytics*", "AnalyticsConfigurations", "analytics"),
    _switch("S3::Bucket", "s3:*Abac", "AbacStatus", "attributes"),
    _switch("S3::Bucket", "s3:*CORS s3:*Cors", "CorsConfiguration", "other origins"),
    _switch("S3::Bucket", "s3:*BucketLogging", "LoggingConfiguration", "its log"),
    _switch("S3::Bucket", "s3:*Notification", "NotificationConfiguration", "events"),
    _switch("S3::Bucket", "s3:*ObjectLock*", "ObjectLockConfiguration ObjectLockEnabled", "a lock"),
    _switch("S3::Bucket", "s3:*OwnershipControls", "OwnershipControls", "who owns objects"),
    _switch("S3::Bucket", "s3:*PublicAccessBlock", "PublicAccessBlockConfiguration", "no public access"),
    _switch("S3::Bucket", "s3:PutBucketTagging s3:DeleteBucketTagging", _TAG_MEMBERS, _TAGS),
    _switch("S3::Bucket", "s3:*Versioning", "VersioningConfiguration", "versions"),
    _switch("S3::Bucket", "s3:*Website", "WebsiteConfiguration", "a website"),
    _switch("S3::Bucket", "s3:*Encryption*", "BucketEncryption", "encryption"),
    _switch("S3::Bucket", "s3:*IntelligentTiering*", "IntelligentTieringConfigurations", "colder storage"),
    _switch("S3::Bucket", "s3:*Inventory*", "InventoryConfigurations", "inventories"),
    _switch("S3::Bucket", "s3:*Lifecycle*", "LifecycleConfiguration", "what expires"),
    _switch("S3::Bucket", "s3:*Metrics*", "MetricsConfigurations", "metrics"),
    _switch("S3::Bucket", "s3:*Acl", "AccessControl", "access lists"),
    _switch("S3::Bucket", "s3:DeleteObject", "", "deletes what is left"),
    _switch("SNS::*", "iam:*", "DeliveryStatusLogging SubscriptionRoleArn", "roles that deliver"),
    _switch("SNS::Topic", "sns:*DataProtectionPolicy", "DataProtectionPolicy", "masks"),
    _switch("SNS::Topic", "sns:Subscribe sns:Unsubscribe", "Subscription", "subscriptions of its own"),
    _switch("SecretsManager::Secret", "secretsmanager:*Region*", "ReplicaRegions", "copies elsewhere"),
    _switch(
        "SecretsManager::Secret", "secretsmanager:GetRandomPassword", "GenerateSecretString", "a value that is made"
    ),
    # The update handler reads a value only to make it again.
    _switch("SecretsManager::Secret", "secretsmanager:GetSecretValue", "", "a value that is read"),
    _switch("CertificateManager::Certificate", "acm-pca:*", "CertificateAuthorityArn", "a private authority"),
    _switch(
        "CertificateManager::Certificate", "route53:*", "DomainValidationOptions", "records that show who owns the name"
    ),
    _switch("CertificateManager::Certificate", "acm:UpdateCertificateOptions", "CertificateOptions", "its options"),
)


def is_needed(kind: str, action: str, members: Properties) -> bool:
    """Whether a handler calls this, whose properties (in an update: those that differ) are `members`."""
    lines = [switch for switch in SWITCHES if switch.concerns(kind, action)]
    return not lines or any(members.get(member) for switch in lines for member in switch.members)
