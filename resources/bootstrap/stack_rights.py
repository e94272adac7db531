"""What CloudFormation may do while it makes the stacks of one environment.

Source: the handler permissions in the CloudFormation resource schemas; tests/bootstrap/test_rights.py compares them
with the resource types of every unit. Rights end at the environment's names where the service lets resources be named,
at its tag where resources are chosen by tags, and at its account and region elsewhere. Roles are made under the
environment's permissions boundary alone.
"""

from __future__ import annotations

from resources.bootstrap.identity_rights import identity_rights
from resources.bootstrap.ownership import (
    carries_tag,
    every_ledger,
    generated_names,
    own_cluster,
    own_requests,
    sets_tag,
)
from resources.cloudformation import Document, allow, build_arn, deny
from resources.config.environment import Environment
from resources.config.names import topic_name

_VPC_ACTIONS = """
    AllocateAddress AssociateAddress DisassociateAddress ReleaseAddress
    AssignPrivateNatGatewayAddress AssociateNatGatewayAddress CreateNatGateway DeleteNatGateway
    DisassociateNatGatewayAddress UnassignPrivateNatGatewayAddress
    AssociateRouteTable CreateRoute CreateRouteTable DeleteRoute DeleteRouteTable DisassociateRouteTable ReplaceRoute
    ReplaceRouteTableAssociation
    AssociateSubnetCidrBlock CreateSubnet DeleteSubnet DisassociateSubnetCidrBlock ModifySubnetAttribute
    AttachInternetGateway CreateInternetGateway DeleteInternetGateway DetachInternetGateway
    AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup DeleteSecurityGroup
    RevokeSecurityGroupEgress RevokeSecurityGroupIngress UpdateSecurityGroupRuleDescriptionsEgress
    UpdateSecurityGroupRuleDescriptionsIngress
    CreateFlowLogs DeleteFlowLogs
    CreateNetworkInterface DeleteNetworkInterface ModifyNetworkInterfaceAttribute
    CreateLaunchTemplate CreateLaunchTemplateVersion DeleteLaunchTemplate ModifyLaunchTemplate RunInstances
    CreateTags DeleteTags
    CreateVpc DeleteVpc ModifyVpcAttribute ModifyVpcTenancy
    CreateVpcEndpoint DeleteVpcEndpoints ModifyVpcEndpoint
"""
_KEY_ACTIONS = """
    DisableKey DisableKeyRotation EnableKey EnableKeyRotation GenerateDataKeyWithoutPlaintext PutKeyPolicy
    ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription
"""


def stack_rights(env: Environment) -> dict[str, list[Document]]:
    """Statements by the logical id of the managed policy that holds them; each fits into 6,144 characters."""
    return {
        "NetworkStackRights": [*_vpc(env), *_logs(env)],
        "PlatformStackRights": [*_eks(env), *_keys(env), *_storage(env)],
        "NamesStackRights": [*_names(env), *_messages(env)],
        **identity_rights(env),
    }


def _verbs(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def _vpc(env: Environment) -> list[Document]:
    region = {"aws:RequestedRegion": env.region}
    return [allow(_verbs("ec2", "Describe* " + _VPC_ACTIONS), StringEquals=region)]


def _logs(env: Environment) -> list[Document]:
    network = generated_names(env.stack_name("network"))
    own = [f"log-group:{name}" for name in (network, f"/aws/eks/{env.cluster_name}/*")]
    change = (
        "Associate* Create* Delete* Describe* Disassociate* GetDataProtection* List* Put* TagResource UntagResource"
    )
    # IAM asks about no log group here.
    account = "CreateLogDelivery DeleteLogDelivery DescribeIndexPolicies DescribeLogGroups DescribeResourcePolicies"
    return [
        allow(_verbs("logs", change), [build_arn(env, "logs", name) for name in own]),
        allow(_verbs("logs", account), StringEquals={"aws:RequestedRegion": env.region}),
    ]


def _eks(env: Environment) -> list[Document]:
    change = """
        ActivateCertificateAuthority AssociateAccessPolicy AssociateIdentityProviderConfig Create* Delete* Describe*
        DisassociateAccessPolicy DisassociateIdentityProviderConfig List* TagResource UntagResource Update*
    """
    # The service authorization reference names no resource for the first, and refusals name the cluster.
    new = {"aws:RequestedRegion": env.region, **sets_tag(env)}
    return [allow(["eks:CreateCluster"], StringEquals=new), allow(_verbs("eks", change), own_cluster(env))]


def _keys(env: Environment) -> list[Document]:
    """The cluster's key: made with the environment's tag, and changed where a key has it. EKS gets a grant for it."""
    keys, own = build_arn(env, "kms", "key/*"), carries_tag(env)
    read = "DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags"
    for_service = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    named = env.cluster.secrets_encryption and env.cluster.secrets_encryption.key_arn
    return [
        allow(_verbs("kms", "CreateKey"), StringEquals={"aws:RequestedRegion": env.region, **sets_tag(env)}),
        allow(_verbs("kms", "TagResource"), keys, StringEquals=sets_tag(env)),
        allow(_verbs("kms", f"{_KEY_ACTIONS} {read}"), keys, StringEquals=own),
        allow(_verbs("kms", "CreateGrant"), keys, StringEquals=own, **for_service),
        *([allow(_verbs("kms", "CreateGrant"), named, **for_service)] if named else []),
        *([allow(_verbs("kms", "DescribeKey"), named)] if named else []),
    ]


def loki_buckets(env: Environment) -> str:
    """Matches the name of Loki's bucket, which CloudFormation chooses."""
    return f"arn:{env.partition}:s3:::{generated_names(env.stack_name('service_account_roles'))}"


def _storage(env: Environment) -> list[Document]:
    change = "Create* Delete* Modify* Put* TagResource UntagResource Update*"
    bucket = """
        CreateBucket DeleteBucket DeleteBucketPolicy Get*Configuration GetBucket* ListBucket ListTagsForResource
        Put*Configuration PutBucket* TagResource UntagResource
    """
    own = [build_arn(env, "elasticfilesystem", kind) for kind in ("file-system/*", "access-point/*")]
    new = "CreateAccessPoint TagResource"
    return [
        allow(["elasticfilesystem:CreateFileSystem"], StringEquals=sets_tag(env)),
        allow(_verbs("elasticfilesystem", new), own, StringEquals=sets_tag(env)),
        allow(_verbs("elasticfilesystem", change), own, StringEquals=carries_tag(env)),
        allow(_verbs("elasticfilesystem", "Describe* ListTagsForResource"), own),
        allow(_verbs("s3", bucket), loki_buckets(env)),
        deny(["s3:Delete*", "s3:PutBucket*", "s3:Put*Configuration"], every_ledger(env)),
    ]


def git_secrets(env: Environment) -> list[str]:
    """The ARNs, with IAM's wildcards, of the secrets with the git credentials: of those that may write, and of those
    that may not, where the environment names them."""
    credentials = env.git.credentials if env.git else None
    names = [credentials.secret, credentials.read_only_secret] if credentials else []
    return [_secret(env, name) for name in names if name]


def read_only_git_secret(env: Environment) -> list[str]:
    """As `git_secrets`, of those alone that may not write."""
    credentials = env.git.credentials if env.git else None
    return [_secret(env, credentials.read_only_secret)] if credentials and credentials.read_only_secret else []


def _secret(env: Environment, name: str) -> str:
    return name if name.startswith("arn:") else build_arn(env, "secretsmanager", f"secret:{name}-??????")


def other_secrets(secrets: list[str]) -> Document:
    """Nobody of the pipeline reads the value of any other secret than these, which are left out here, not allowed."""
    statement = deny(["secretsmanager:GetSecretValue"])
    if secrets:
        del statement["Resource"]
        statement["NotResource"] = secrets
    return statement


def _names(env: Environment) -> list[Document]:
    """Certificates, DNS, parameters, and secrets without their values."""
    secret = build_arn(env, "secretsmanager", f"secret:{env.parameter_path('*')}")
    certificates = build_arn(env, "acm", "certificate/*")
    read = "DescribeCertificate ListTagsForCertificate"
    change = "AddTagsToCertificate DeleteCertificate RemoveTagsFromCertificate UpdateCertificateOptions"
    zone = """
        Change* DeleteHostedZone DisassociateVPCFromHostedZone GetHostedZone List* UpdateHostedZone*
    """
    secrets = "CreateSecret Delete* DescribeSecret *ResourcePolicy Re* TagResource UntagResource UpdateSecret"
    zones = f"arn:{env.partition}:route53:::hostedzone/{env.hosted_zone.id or '*'}"
    return [
        allow(["acm:RequestCertificate"], StringEquals={"aws:RequestedRegion": env.region}),
        allow(_verbs("acm", read), certificates),
        allow(_verbs("acm", "AddTagsToCertificate"), certificates, StringEquals=sets_tag(env)),
        allow(_verbs("acm", change), certificates, StringEquals=carries_tag(env)),
        allow(_verbs("route53", zone), zones),
        allow(_verbs("route53", "AssociateVPCWithHostedZone CreateHostedZone GetChange ListQueryLoggingConfigs")),
        allow(_verbs("secretsmanager", secrets), secret),
        allow(["secretsmanager:GetRandomPassword"]),
        other_secrets(git_secrets(env)),
        allow(
            _verbs(
                "ssm", "AddTagsToResource DeleteParameter GetParameters ListTagsForResource PutParameter RemoveTags*"
            ),
            parameter_arns(env),
        ),
    ]


def parameter_arns(env: Environment) -> list[str]:
    """Everything under the environment's path in Parameter Store, and the names that the environment chose itself."""
    chosen = (env.certificate_parameter, env.efs_parameter, env.oidc_parameter)
    own = env.parameter_path("")
    names = [env.parameter_path("*"), *sorted(name for name in chosen if not name.startswith(own))]
    return [build_arn(env, "ssm", f"parameter/{name.removeprefix('/')}") for name in names]


def _messages(env: Environment) -> list[Document]:
    """Karpenter's interruption queue with its rules, the queues of deploy requests, the topic of notifications."""
    queue = "CreateQueue DeleteQueue Get* ListQueueTags SetQueueAttributes TagQueue UntagQueue"
    rule = "DeleteRule DescribeRule List* PutRule PutTargets RemoveTargets TagResource UntagResource"
    topic = """
        CreateTopic DeleteTopic Get* List* PutDataProtectionPolicy Set*Attributes Subscribe TagResource Unsubscribe
        UntagResource
    """
    rules = build_arn(env, "events", f"rule/{generated_names(env.karpenter_stack)}")
    return [
        allow(_verbs("sqs", queue), [*own_requests(env), build_arn(env, "sqs", env.cluster_name)]),
        allow(_verbs("events", rule), rules),
        allow(_verbs("sns", topic), build_arn(env, "sns", topic_name(env))),
    ]
