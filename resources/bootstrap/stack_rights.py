"""What CloudFormation may do while it makes the stacks of one environment.

Source: the handler permissions in the CloudFormation resource schemas; tests/bootstrap/test_rights.py compares them
with the resource types of every unit. Rights end at the environment's names where the service lets resources be named,
at its tag where resources are chosen by tags, and at its account and region elsewhere. Roles are made under the
environment's permissions boundary alone.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from resources.cloudformation import Document, allow, bootstrap_boundary_arn, boundary_arn, build_arn, deny
from resources.config.environment import Environment
from resources.config.names import (
    approver_policy,
    cloudformation_role,
    deployer_role,
    ledger_bucket,
    pipeline_role,
    planner_role,
)

# CloudFormation shortens the stack's name in names that it generates, so only this much of a prefix is sure to stay.
_SURE_LENGTH = 20
# The ARN of each stands in up to three statements of a managed policy.
_ROLES_A_POLICY = 12

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
_ROLE_ACTIONS = """
    DeleteRole DeleteRolePolicy DetachRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies
    ListInstanceProfilesForRole ListRolePolicies ListRoleTags TagRole UntagRole UpdateAssumeRolePolicy UpdateRole
    UpdateRoleDescription
"""
_EMPOWERING_ACTIONS = "AttachRolePolicy CreateRole PutRolePermissionsBoundary PutRolePolicy"
_KEY_ACTIONS = """
    CreateAlias CreateGrant DeleteAlias DescribeKey DisableKey DisableKeyRotation EnableKey EnableKeyRotation
    GenerateDataKeyWithoutPlaintext GetKeyPolicy GetKeyRotationStatus ListAliases ListResourceTags PutKeyPolicy
    ScheduleKeyDeletion TagResource UntagResource UpdateAlias UpdateKeyDescription
"""
_CHANGING_ACTIONS = "Attach* Create* Delete* Detach* PassRole Put* Set* Tag* Untag* Update*"
_PASSED_TO = ("ec2", "eks", "eks-fargate-pods", "pods.eks", "vpc-flow-logs")
_LINKED_SERVICES = ("backup", "eks", "eks-fargate", "eks-nodegroup", "elasticfilesystem", "autoscaling", "spot")


def stack_rights(env: Environment) -> dict[str, list[Document]]:
    """Statements by the logical id of the managed policy that holds them; each fits into 6,144 characters."""
    return {
        "NetworkStackRights": [*_vpc(env), *_logs(env)],
        "IdentityStackRights": _identity(env),
        "PlatformStackRights": [*_eks(env), *_storage(env), *_names(env), *_messages(env)],
        **_cluster_role_rights(env),
    }


def name_pattern(env: Environment, before: str = "") -> str:
    """Matches the names that CloudFormation generates for the environment's stacks."""
    return f"{before}{env.resource_prefix}-"[:_SURE_LENGTH] + "*"


def _verbs(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def _vpc(env: Environment) -> list[Document]:
    region = {"aws:RequestedRegion": env.region}
    return [allow(_verbs("ec2", "Describe* " + _VPC_ACTIONS), StringEquals=region)]


def _logs(env: Environment) -> list[Document]:
    own = [f"log-group:{name}" for name in (name_pattern(env), f"/aws/eks/{env.cluster_name}/*")]
    change = (
        "Associate* Create* Delete* Describe* Disassociate* GetDataProtection* List* Put* TagResource UntagResource"
    )
    account = "CreateLogDelivery DeleteLogDelivery DescribeIndexPolicies DescribeLogGroups DescribeResourcePolicies"
    return [
        allow(_verbs("logs", change), [build_arn(env, "logs", name) for name in own]),
        allow(_verbs("logs", account), build_arn(env, "logs", "*")),
    ]


def _identity(env: Environment) -> list[Document]:
    def iam(*resources: str) -> list[str]:
        return [build_arn(env, "iam", resource, region="") for resource in resources]

    roles = _own_roles(env)
    policies = iam(f"policy/{name_pattern(env)}", f"policy/KarpenterController*-{env.cluster_name}")
    linked = [f"{service}.amazonaws.com" for service in _LINKED_SERVICES]
    policy = "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy* List* TagPolicy UntagPolicy"
    profile = (
        "AddRoleTo* CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile RemoveRoleFrom* TagInstanceProfile"
    )
    return [
        *_making_roles(env, roles),
        _passing_roles(roles),
        allow(_verbs("iam", policy), policies),
        allow(_verbs("iam", profile), [*iam(f"instance-profile/{name_pattern(env)}"), *roles]),
        allow(_verbs("iam", "*OpenIDConnectProvider*"), iam("oidc-provider/oidc.eks.*")),
        allow(
            ["iam:CreateServiceLinkedRole"], iam("role/aws-service-role/*"), StringEquals={"iam:AWSServiceName": linked}
        ),
        deny(_verbs("iam", _CHANGING_ACTIONS), _out_of_reach(env)),
    ]


def _own_roles(env: Environment) -> list[str]:
    names = (name_pattern(env), f"KarpenterNodeRole-{env.cluster_name}")
    return [build_arn(env, "iam", f"role/{name}", region="") for name in names]


def _making_roles(env: Environment, roles: list[str]) -> list[Document]:
    under = {"iam:PermissionsBoundary": list(dict.fromkeys([boundary_arn(env), *env.cluster.boundaries]))}
    return [
        allow(_verbs("iam", _ROLE_ACTIONS), roles),
        allow(_verbs("iam", _EMPOWERING_ACTIONS), roles, StringEquals=under),
    ]


def _passing_roles(roles: list[str]) -> Document:
    services = [f"{service}.amazonaws.com" for service in _PASSED_TO]
    return allow(["iam:PassRole"], roles, StringEquals={"iam:PassedToService": services})


def _cluster_role_rights(env: Environment) -> dict[str, list[Document]]:
    """Rights on roles that the ClusterConfig names outside the environment's own names: exactly those, in policies of
    as many as fit. What the pipeline's own roles are denied (`_out_of_reach`) stays denied."""
    made = {build_arn(env, "iam", f"role/{name}", region="") for name in env.cluster.new_role_names}
    own = _own_roles(env)
    others = [role for role in sorted({*made, *env.cluster.existing_roles}) if not _matches(role, own)]
    policies = {}
    for start in range(0, len(others), _ROLES_A_POLICY):
        roles = others[start : start + _ROLES_A_POLICY]
        new = [role for role in roles if role in made]
        policies[f"ClusterRoles{start // _ROLES_A_POLICY + 1}StackRights"] = [
            _passing_roles(roles),
            # EKS looks into a role with the rights of whoever hands it over.
            allow(_verbs("iam", "GetRole ListAttachedRolePolicies"), roles),
            *(_making_roles(env, new) if new else []),
        ]
    return policies


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _out_of_reach(env: Environment) -> list[str]:
    """What gives the pipeline its own rights, and approvers theirs: a stack must not change it."""
    roles = [deployer_role(env), planner_role(env), cloudformation_role(env), *filter(None, [pipeline_role(env)])]
    names = [f"role{role.path}{role.name}" for role in roles]
    own = f"policy/{env.stack_name('bootstrap')[:_SURE_LENGTH]}*StackRights*"
    approver = f"policy/{approver_policy(env)}"
    boundaries = {boundary_arn(env), bootstrap_boundary_arn(env), *env.cluster.boundaries}
    return [*(build_arn(env, "iam", name, region="") for name in (*names, own, approver)), *sorted(boundaries)]


def _eks(env: Environment) -> list[Document]:
    change = """
        ActivateCertificateAuthority AssociateAccessPolicy Create* Delete* Describe* DisassociateAccessPolicy List*
        TagResource UntagResource Update*
    """
    own = [build_arn(env, "eks", f"*/{env.cluster_name}"), build_arn(env, "eks", f"*/{env.cluster_name}/*")]
    return [
        allow(_verbs("eks", change), own),
        allow(_verbs("kms", "CreateKey"), StringEquals={"aws:RequestedRegion": env.region}),
        allow(_verbs("kms", _KEY_ACTIONS), [build_arn(env, "kms", "key/*"), build_arn(env, "kms", "alias/*")]),
    ]


def _storage(env: Environment) -> list[Document]:
    files = "Create* Delete* Describe* ListTagsForResource Modify* Put* TagResource UntagResource Update*"
    bucket = """
        CreateBucket DeleteBucket DeleteBucketPolicy Get*Configuration GetBucket* ListBucket ListTagsForResource
        Put*Configuration PutBucket* TagResource UntagResource
    """
    ledger = f"arn:{env.partition}:s3:::{ledger_bucket(env)}"
    own = [build_arn(env, "elasticfilesystem", kind) for kind in ("file-system/*", "access-point/*")]
    return [
        allow(_verbs("elasticfilesystem", files), own),
        allow(_verbs("s3", bucket), f"arn:{env.partition}:s3:::{name_pattern(env)}"),
        deny(["s3:Delete*", "s3:PutBucket*", "s3:Put*Configuration"], [ledger, f"{ledger}/*"]),
    ]


def git_secret(env: Environment) -> str | None:
    """The ARN, with IAM's wildcards, of the secret with the git credentials; None where the environment names none."""
    if env.git is None or env.git.credentials is None:
        return None
    name = env.git.credentials.secret
    return name if name.startswith("arn:") else build_arn(env, "secretsmanager", f"secret:{name}-??????")


def other_secrets(env: Environment) -> Document:
    """Nobody of the pipeline reads the value of any other secret. The git one is left out here, not allowed."""
    statement = deny(["secretsmanager:GetSecretValue"])
    if (secret := git_secret(env)) is not None:
        del statement["Resource"]
        statement["NotResource"] = [secret]
    return statement


def _names(env: Environment) -> list[Document]:
    """Certificates, DNS, parameters, and secrets without their values."""
    secret = build_arn(env, "secretsmanager", f"secret:{env.parameter_path('*')}")
    certificate = """
        AddTagsToCertificate DeleteCertificate DescribeCertificate ListTagsForCertificate RemoveTagsFromCertificate
        RequestCertificate UpdateCertificateOptions
    """
    zone = """
        Change* DeleteHostedZone DisassociateVPCFromHostedZone GetHostedZone List* UpdateHostedZone*
    """
    secrets = "CreateSecret Delete* DescribeSecret *ResourcePolicy Re* TagResource UntagResource UpdateSecret"
    zones = f"arn:{env.partition}:route53:::hostedzone/{env.hosted_zone.id or '*'}"
    return [
        allow(_verbs("acm", certificate), build_arn(env, "acm", "certificate/*")),
        allow(_verbs("route53", zone), zones),
        allow(_verbs("route53", "AssociateVPCWithHostedZone CreateHostedZone GetChange ListQueryLoggingConfigs")),
        allow(_verbs("secretsmanager", secrets), secret),
        allow(["secretsmanager:GetRandomPassword"]),
        other_secrets(env),
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
    rules = [f"rule/{name_pattern(env, before)}" for before in ("", "Karpenter-")]
    return [
        allow(_verbs("sqs", queue), build_arn(env, "sqs", name_pattern(env))),
        allow(_verbs("events", rule), [build_arn(env, "events", name) for name in rules]),
        allow(_verbs("sns", topic), build_arn(env, "sns", name_pattern(env))),
    ]
