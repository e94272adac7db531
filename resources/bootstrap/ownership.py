"""What belongs to the environment: by exact names, by patterns of names that CloudFormation makes, and by its tag.

CloudFormation names a resource `<stack>-<logical id>-<random>`, and shortens the first two where a service's names are
shorter. Other environments' names may begin the same way, so rights over such names ask for the environment's tag too,
which every resource of a stack has where its service knows tags.
"""

from __future__ import annotations

from resources.cloudformation import ENVIRONMENT_TAG, Document, build_arn, deny
from resources.config.environment import Environment
from resources.config.names import (
    RoleName,
    cloudformation_role,
    deployer_role,
    destroyer_role,
    ledger_bucket,
    pipeline_role,
    planner_role,
    queue_name,
)

# Of a stack's name only so much is sure to stay in the names that CloudFormation makes.
_SURE_LENGTH = 24
# Units that have a stack, and those whose stack may hold roles; tests/bootstrap compares both with the units.
UNITS_WITH_ROLES = (
    "capabilities",
    "cluster",
    "daemon_addons",
    "external_dns_role",
    "fargate_profiles",
    "identity",
    "irsa_roles",
    "network",
    "node_groups",
    "pod_addons",
    "service_account_roles",
)
UNITS_WITH_STACKS = (
    *UNITS_WITH_ROLES,
    "access_entries",
    "certificate",
    "deploy_requests",
    "efs",
    "hosted_zone",
    "identity_providers",
    "notifications",
    "secrets",
    "security_groups",
)
KARPENTER_POLICIES = (
    "EKSIntegration",
    "IAMIntegration",
    "Interruption",
    "NodeLifecycle",
    "ResourceDiscovery",
    "ZonalShift",
)
# Changes only: what is another environment's may be looked up, a shared network for instance.
_CHANGES = """
    acm:* dynamodb:* eks:* elasticfilesystem:* events:* iam:* kms:* logs:* sns:* sqs:*
    ec2:AttachInternetGateway ec2:Authorize* ec2:CreateRoute ec2:CreateTags ec2:Delete* ec2:Detach* ec2:Disassociate*
    ec2:Modify* ec2:Release* ec2:Replace* ec2:Revoke* ec2:UpdateSecurityGroup*
    secretsmanager:Delete* secretsmanager:Put* secretsmanager:Tag* secretsmanager:Untag* secretsmanager:Update*
    ssm:AddTags* ssm:Delete* ssm:Put* ssm:RemoveTags*
"""


def own_stacks(env: Environment) -> list[str]:
    """The names of the environment's stacks, bootstrap's left out."""
    return [*(env.stack_name(unit) for unit in UNITS_WITH_STACKS), env.karpenter_stack]


def generated_names(stack: str) -> str:
    """Matches what CloudFormation names in the stack."""
    return f"{stack}-*" if len(stack) <= _SURE_LENGTH else f"{stack[:_SURE_LENGTH]}*"


def own_roles(env: Environment) -> list[str]:
    """ARNs, some with `*`, of the roles in the environment's stacks, without those that a ClusterConfig names."""
    # A template has only so much room: what few have is named for those alone.
    units = [unit for unit in UNITS_WITH_ROLES if env.cluster.capabilities or unit != "capabilities"]
    names = [generated_names(env.stack_name(unit)) for unit in units]
    names.append(f"KarpenterNodeRole-{env.cluster_name}")
    return [build_arn(env, "iam", f"role/{name}", region="") for name in dict.fromkeys(names)]


def own_policies(env: Environment) -> list[str]:
    """ARNs of the policies of Karpenter's controller."""
    names = [f"KarpenterController{name}Policy-{env.cluster_name}" for name in KARPENTER_POLICIES]
    return [build_arn(env, "iam", f"policy/{name}", region="") for name in names]


def own_requests(env: Environment) -> list[str]:
    """ARNs of the queue of deploy requests, and of the one for those that failed."""
    return [build_arn(env, "sqs", name) for name in (queue_name(env), f"{queue_name(env)}-dlq")]


def own_cluster(env: Environment) -> list[str]:
    """ARNs, with `*`, of the cluster and of what EKS keeps for it."""
    parts = ["access-entry", "addon", "fargateprofile", "identityproviderconfig", "nodegroup", "podidentityassociation"]
    parts += ["capability"] if env.cluster.capabilities else []
    names = [f"cluster/{env.cluster_name}", *(f"{part}/{env.cluster_name}/*" for part in parts)]
    return [build_arn(env, "eks", name) for name in names]


def every_ledger(env: Environment) -> list[str]:
    """ARNs, with `*`, of the ledgers of all environments of the account and of what is in them."""
    # A long name is shortened behind the first digits of the account.
    others = f"*-ledger-{env.account[:5]}*"
    return [f"arn:{env.partition}:s3:::{name}" for name in (ledger_bucket(env), f"{ledger_bucket(env)}/*", others)]


def bootstrap_roles(env: Environment) -> list[str]:
    """The ARNs of the roles that bootstrap makes, and of the pipeline's where it is of another account."""
    own = [deployer_role(env), planner_role(env), cloudformation_role(env)]
    pipeline = pipeline_role(env)
    own += [role for role in (pipeline, destroyer_role(env)) if role is not None]
    elsewhere = [env.roles.pipeline] if pipeline is None and env.roles.pipeline else []
    return [*(role_arn(env, role) for role in own), *elsewhere]


def role_arn(env: Environment, role: RoleName) -> str:
    return build_arn(env, "iam", f"role{role.path}{role.name}", region="")


def carries_tag(env: Environment) -> Document:
    """For StringEquals: the resource is the environment's."""
    return {f"aws:ResourceTag/{ENVIRONMENT_TAG}": _names(env)}


def _names(env: Environment) -> str | list[str]:
    """The tag's values; after a rename two, until `deploy` has moved the tags and bootstrap ends this."""
    return [env.name, env.former_name] if env.former_name else env.name


def sets_tag(env: Environment) -> dict[str, str]:
    """For StringEquals: the resource that the request makes becomes the environment's."""
    return {f"aws:RequestTag/{ENVIRONMENT_TAG}": env.name}


def marked_as_anothers(env: Environment) -> Document:
    """The conditions under which a resource is another environment's."""
    key = f"aws:ResourceTag/{ENVIRONMENT_TAG}"
    # A negated operator holds for a resource without the tag too.
    return {"Null": {key: "false"}, "StringNotEquals": {key: _names(env)}}


def no_changes_elsewhere(env: Environment) -> list[Document]:
    """Whatever else is allowed: what is tagged as another environment's stays, and so does the stack of a bootstrap."""
    reading = ["cloudformation:Describe*", "cloudformation:Get*", "cloudformation:List*"]
    bootstraps = build_arn(env, "cloudformation", "stack/*-bootstrap/*")
    return [
        deny(_CHANGES.split(), **marked_as_anothers(env)),
        {"Effect": "Deny", "NotAction": reading, "Resource": bootstraps},
    ]
