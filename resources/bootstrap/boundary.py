"""The permissions boundary of every role that the pipeline makes, and what any such boundary must allow and deny: pure.

A role can do what both its own policies and its boundary allow (IAM user guide, "Permissions boundaries for IAM
entities"). So whatever a stack or a ClusterConfig gives to a role, under this boundary it makes no identity, writes no
approval, and takes no role that has more.
"""

from __future__ import annotations

from typing import Any

from resources.bootstrap.ownership import bootstrap_roles, every_ledger, marked_as_anothers, own_roles
from resources.cloudformation import (
    Document,
    allow,
    bootstrap_boundary_arn,
    boundary_arn,
    build_arn,
    cluster_arn,
    deny,
)
from resources.config.environment import Environment
from resources.config.names import approver_policy, lease_table, ledger_bucket

# Whoever may use these makes identities, or acts with rights that no boundary holds.
_IDENTITY_SERVICES = ("account", "cloudformation", "iam", "identitystore", "organizations", "sso", "sso-directory")
_HARMLESS = """
    cloudformation:Describe* cloudformation:Get* cloudformation:List*
    iam:*InstanceProfile* iam:CreateServiceLinkedRole iam:GetInstanceProfile iam:GetOpenIDConnectProvider
    iam:GetPolicy iam:GetPolicyVersion iam:GetRole* iam:GetServerCertificate iam:List*
"""
_IDENTITIES = """
    iam:*AccessKey* iam:*Group iam:*GroupPolicy iam:*LoginProfile iam:*MFADevice iam:*PermissionsBoundary
    iam:*SAMLProvider iam:*ServiceSpecificCredential iam:*SSHPublicKey iam:*SigningCertificate iam:*User
    iam:*UserPolicy iam:AddUserToGroup iam:RemoveUserFromGroup
"""
# What gives a role or a policy other rights than it has.
_POWERS = """
    iam:AttachRolePolicy iam:CreatePolicy iam:CreatePolicyVersion iam:CreateRole iam:DeletePolicy
    iam:DeletePolicyVersion iam:DeleteRole iam:DeleteRolePolicy iam:DetachRolePolicy iam:PutRolePolicy
    iam:SetDefaultPolicyVersion iam:UpdateAssumeRolePolicy
"""
_PARAMETER_WRITES = """
    AddTagsToResource DeleteParameter DeleteParameters DeleteResourcePolicy LabelParameterVersion PutParameter
    PutResourcePolicy RemoveTagsFromResource UnlabelParameterVersion
"""
# What one environment's roles leave alone where it is marked as another's.
_OF_OTHERS = ["dynamodb:*", "iam:*", "kms:*", "sns:*", "sqs:*", "ssm:*"]


def boundary_statements(env: Environment, ledger_key: Any) -> list[Document]:
    """The boundary that bootstrap makes. `ledger_key`: the ARN of the ledger's key."""
    everything_else = [f"{service}:*" for service in _IDENTITY_SERVICES]
    return [
        {"Effect": "Allow", "NotAction": [*everything_else, "sts:AssumeRole"], "Resource": "*"},
        allow(_HARMLESS.split()),
        allow(["iam:PassRole"], [*own_roles(env), *env.cluster.existing_roles]),
        # Of this account one role alone, where it writes the zone's records.
        {"Effect": "Allow", "Action": ["sts:AssumeRole"], "NotResource": _iam(env, "role/*")},
        *([allow(["sts:AssumeRole"], env.hosted_zone.role)] if env.hosted_zone.role else []),
        deny([*_IDENTITIES.split(), *_POWERS.split()]),
        # A stack's service role acts with rights of its own.
        deny(["iam:PassRole"], StringLike={"iam:PassedToService": "cloudformation.*"}),
        deny(["iam:PassRole", "sts:AssumeRole"], bootstrap_roles(env)),
        deny([f"ssm:{verb}" for verb in _PARAMETER_WRITES.split()], kept_parameters(env)),
        deny(["dynamodb:*", "s3:*"], _records(env)),
        deny(["kms:*"], ledger_key),
        deny(_OF_OTHERS, **marked_as_anothers(env)),
    ]


def kept_parameters(env: Environment) -> list[str]:
    """Parameters that people alone write, of any environment of the account: decisions, and what bootstrap anchored."""
    return [build_arn(env, "ssm", f"parameter/*/{kept}/*") for kept in ("approvals", "bootstrap")]


def _records(env: Environment) -> list[str]:
    """The ledgers and leases of the account's environments."""
    return [*every_ledger(env), _lease(env), build_arn(env, "dynamodb", "table/*-lease")]


def _iam(env: Environment, resource: str) -> str:
    return build_arn(env, "iam", resource, region="")


Demand = tuple[tuple[str, ...], str]
"""Actions, and a resource on which all of them are asked for."""


def demanded_denials(env: Environment, ledger_key: str | None) -> list[Demand]:
    """What no role of the pipeline's making may do. `ledger_key`: the ARN of the ledger's key, where it is known."""
    people = "iam:AttachUserPolicy iam:CreateAccessKey iam:CreateLoginProfile iam:CreateUser iam:PutUserPolicy"
    change = "cloudformation:CreateChangeSet cloudformation:DeleteStack cloudformation:ExecuteChangeSet"
    powers = "iam:AttachRolePolicy iam:CreateRole iam:DeleteRolePermissionsBoundary iam:PutRolePermissionsBoundary"
    roles = [_iam(env, f"role/{env.resource_prefix}-new"), *bootstrap_roles(env)]
    policies = "iam:CreatePolicyVersion iam:DeletePolicy iam:SetDefaultPolicyVersion"
    kept = {boundary_arn(env), bootstrap_boundary_arn(env), _iam(env, f"policy/{approver_policy(env)}")}
    bucket = f"arn:{env.partition}:s3:::{ledger_bucket(env)}"
    key = "kms:CreateGrant kms:DisableKey kms:PutKeyPolicy kms:ScheduleKeyDeletion"
    lists = [
        (people, [_iam(env, "user/someone")]),
        ("iam:AddUserToGroup iam:CreateGroup", [_iam(env, "group/someone")]),
        (f"{powers} iam:PutRolePolicy iam:UpdateAssumeRolePolicy", roles),
        (policies, sorted(kept)),
        ("sts:AssumeRole", bootstrap_roles(env)),
        ("ssm:DeleteParameter ssm:LabelParameterVersion ssm:PutParameter", _written_by_people(env)),
        ("s3:DeleteObject s3:PutObject", [f"{bucket}/requests/1"]),
        ("s3:DeleteBucketPolicy s3:PutBucketPolicy", [bucket]),
        ("dynamodb:DeleteItem dynamodb:PutItem dynamodb:UpdateItem", [_lease(env)]),
        (f"{change} cloudformation:UpdateStack", [build_arn(env, "cloudformation", f"stack/{_stack(env)}/1")]),
        *([(key, [ledger_key])] if ledger_key else []),
    ]
    return [(tuple(actions.split()), resource) for actions, resources in lists for resource in resources]


def _written_by_people(env: Environment) -> list[str]:
    paths = (env.parameter_path(tail) for tail in ("approvals/a-release", "bootstrap/gate"))
    return [build_arn(env, "ssm", f"parameter{path}") for path in paths]


def _lease(env: Environment) -> str:
    return build_arn(env, "dynamodb", f"table/{lease_table(env)}")


def _stack(env: Environment) -> str:
    return env.stack_name("bootstrap")


def demanded_rights(env: Environment) -> list[Demand]:
    """What the platform's roles cannot do without: those of nodes, Karpenter, the controllers and Loki."""
    nodes = """
        ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DescribeInstances ecr:GetAuthorizationToken
        ssm:UpdateInstanceInformation
    """
    karpenter = "ec2:CreateFleet ec2:CreateLaunchTemplate ec2:CreateTags ec2:RunInstances ec2:TerminateInstances"
    balancers = "elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:CreateTargetGroup"
    storage = "ec2:AttachVolume ec2:CreateVolume elasticfilesystem:CreateAccessPoint"
    zone = f"arn:{env.partition}:route53:::hostedzone/{env.hosted_zone.id or 'ZONE'}"
    objects = f"arn:{env.partition}:s3:::{env.stack_name('service_account_roles')}-loki/chunk"
    role, queue = env.hosted_zone.role, build_arn(env, "sqs", env.cluster_name)
    lists = [
        (f"{nodes} {karpenter} {balancers} {storage}", "*"),
        ("ecr:BatchGetImage ecr:GetDownloadUrlForLayer", build_arn(env, "ecr", "repository/an-image")),
        ("eks-auth:AssumeRoleForPodIdentity eks:DescribeCluster", cluster_arn(env)),
        ("iam:PassRole", _iam(env, f"role/KarpenterNodeRole-{env.cluster_name}")),
        ("iam:AddRoleToInstanceProfile iam:CreateInstanceProfile", _iam(env, "instance-profile/a-profile")),
        ("sqs:DeleteMessage sqs:ReceiveMessage", queue),
        ("sts:AssumeRole", role) if role else ("route53:ChangeResourceRecordSets", zone),
        ("secretsmanager:GetSecretValue", build_arn(env, "secretsmanager", f"secret:{env.keycloak_secret}-abcdef")),
        ("ssm:GetParameter", build_arn(env, "ssm", f"parameter{env.parameter_path('a-parameter')}")),
        ("s3:GetObject s3:PutObject", objects),
        ("logs:CreateLogStream logs:PutLogEvents", build_arn(env, "logs", "log-group:a-group:log-stream:a-stream")),
    ]
    return [(tuple(actions.split()), resource) for actions, resource in lists]
