"""Two environments of one account, one's name beginning as the other's: neither reaches what the other has."""

from __future__ import annotations

import pytest

from resources.bootstrap import stack as bootstrap_stack
from resources.cloudformation import ENVIRONMENT_TAG, boundary_arn, build_arn
from resources.config.environment import Environment, Roles
from resources.config.names import (
    approver_policy,
    cloudformation_role,
    deployer_role,
    lease_table,
    ledger_bucket,
    permissions_boundary,
    pipeline_role,
    planner_role,
    queue_name,
    topic_name,
)
from tests.bootstrap.policy_evaluation import Ask, allowed, ledger_key, policies_of

PROVIDER = "oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"
PAIRS = [
    ("acme", "prod", "prod-dr"),
    ("acme", "prod", "prod-network"),
    ("averylongtenantname", "prod", "dev"),
]


def pair(env: Environment, tenant: str, target: str, other: str) -> tuple[Environment, Environment]:
    """Two environments with default names in one account and region."""

    def named(target_env: str) -> Environment:
        name = f"{tenant}-{target_env}"
        return env.model_copy(update={"name": name, "tenant": tenant, "target_env": target_env, "roles": Roles()})

    return named(target), named(other)


def tagged(env: Environment) -> dict[str, str]:
    return {f"aws:ResourceTag/{ENVIRONMENT_TAG}": env.name}


def ask(env: Environment, service: str, actions: str, *names: str, region: str | None = None) -> list[Ask]:
    """Requests on resources of the environment, which carry its tag."""
    arns = [build_arn(env, service, name, region=region) for name in names]
    keys = tagged(env)
    if service == "iam":
        # The attacker names the boundary that the rights demand.
        keys |= {"iam:PermissionsBoundary": "*"}
    return [Ask(f"{service}:{action}", arn, keys) for action in actions.split() for arn in arns]


def on_bucket(env: Environment, actions: str, bucket: str) -> list[Ask]:
    # S3 knows a bucket's tags only where its owner switches that on.
    arn = f"arn:{env.partition}:s3:::{bucket}"
    return [Ask(f"s3:{action}", f"{arn}/requests/1" if "Object" in action else arn) for action in actions.split()]


def changes_of_identities(env: Environment) -> list[Ask]:
    roles = [role(env) for role in (deployer_role, planner_role, cloudformation_role, pipeline_role)]
    names = [f"role/{role.name}" for role in roles if role is not None]
    made = (f"{env.stack_name('network')}-FlowLogRole-1A2B", f"KarpenterNodeRole-{env.cluster_name}")
    powers = "AttachRolePolicy DeleteRole DeleteRolePolicy PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy"
    policies = (
        approver_policy(env),
        permissions_boundary(env),
        f"KarpenterControllerInterruptionPolicy-{env.cluster_name}",
    )
    return [
        *ask(env, "iam", powers, *names, *(f"role/{name}" for name in made), region=""),
        *ask(env, "iam", "PassRole", *names, region=""),
        *ask(env, "iam", "CreatePolicyVersion DeletePolicy", *(f"policy/{name}" for name in policies), region=""),
    ]


def changes_of_stacks(env: Environment) -> list[Ask]:
    verbs = """
        CancelUpdateStack ContinueUpdateRollback CreateChangeSet DeleteChangeSet DeleteStack ExecuteChangeSet
        RollbackStack SetStackPolicy TagResource UntagResource UpdateTerminationProtection
    """
    stacks = [env.stack_name("bootstrap"), env.stack_name("network"), env.karpenter_stack]
    return ask(env, "cloudformation", verbs, *(f"stack/{name}/1" for name in stacks))


def changes_of_resources(env: Environment) -> list[Ask]:
    bucket = f"{env.stack_name('service_account_roles')[:24]}-lokibucket-1a2b"
    return [
        *on_bucket(env, "DeleteBucket DeleteBucketPolicy PutBucketPolicy PutObject ListBucket", ledger_bucket(env)),
        *on_bucket(env, "DeleteBucket PutBucketPolicy", bucket),
        *ask(env, "dynamodb", "DeleteItem PutItem UpdateItem", f"table/{lease_table(env)}"),
        *ask(env, "sqs", "DeleteQueue SendMessage SetQueueAttributes", queue_name(env), env.cluster_name),
        *ask(env, "sns", "DeleteTopic Publish SetTopicAttributes", topic_name(env)),
        *ask(env, "eks", "CreateAccessEntry DeleteCluster", f"cluster/{env.cluster_name}"),
        *ask(env, "eks", "AssociateAccessPolicy", f"access-entry/{env.cluster_name}/role/1/admin/1"),
        *ask(env, "ssm", "DeleteParameter PutParameter", f"parameter{env.parameter_path('approvals/1')}"),
        *ask(env, "ssm", "DeleteParameter PutParameter", f"parameter{env.efs_parameter}"),
        *ask(env, "secretsmanager", "DeleteSecret PutResourcePolicy", f"secret:{env.keycloak_secret}-abcdef"),
        *ask(env, "logs", "DeleteLogGroup", f"log-group:/aws/eks/{env.cluster_name}/cluster"),
        *ask(env, "elasticfilesystem", "DeleteFileSystem PutFileSystemPolicy TagResource", "file-system/fs-1"),
        *ask(env, "acm", "AddTagsToCertificate DeleteCertificate", "certificate/1"),
        *ask(env, "iam", "DeleteOpenIDConnectProvider", PROVIDER, region=""),
        *ask(env, "ec2", "DeleteVpc DeleteTags CreateTags ModifyVpcAttribute", "vpc/vpc-1"),
        *ask(env, "ec2", "AuthorizeSecurityGroupIngress DeleteSecurityGroup", "security-group/sg-1"),
        *ask(env, "kms", "CreateGrant DisableKey PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource", "key/1"),
    ]


@pytest.mark.parametrize(("tenant", "target", "other"), PAIRS)
@pytest.mark.parametrize("title", ["DeployerRole", "CloudFormationRole", "PlannerRole"])
def test_no_role_reaches_another_environment(
    prod_env: Environment, title: str, tenant: str, target: str, other: str
) -> None:
    """Roles, policies, stacks, ledger, lease, queues and keys of the other are refused, in both directions."""
    ours, theirs = pair(prod_env, tenant, target, other)
    for attacker, victim in ((ours, theirs), (theirs, ours)):
        asks = [*changes_of_identities(victim), *changes_of_stacks(victim), *changes_of_resources(victim)]
        named = {"iam:PermissionsBoundary": boundary_arn(attacker), "aws:RequestedRegion": attacker.region}
        taking = {f"aws:RequestTag/{ENVIRONMENT_TAG}": attacker.name}
        asks = [Ask(a.action, a.resource, {**a.keys, **named, **taking}) for a in asks]
        assert allowed(attacker, asks, policies_of(attacker, title)) == []


def test_role_without_a_service_role_reaches_no_other_environment(prod_env: Environment) -> None:
    """Where the deployer makes the stacks with its own rights, they end at the same names."""
    ours, theirs = pair(prod_env, "acme", "prod", "prod-dr")
    assert ours.roles.cloudformation is None
    titles = [title for title in bootstrap_stack.build_bootstrap_template(ours)["Resources"] if "StackRights" in title]
    assert len(titles) + 2 <= 10
    assert len(policies_of(ours, "DeployerRole")) == len(titles) + 4
    assert allowed(ours, changes_of_identities(theirs), policies_of(ours, "DeployerRole")) == []


def test_stacks_change_what_is_the_environments_own(prod_env: Environment) -> None:
    """The same requests on the environment's own resources are what its stacks are made of, bootstrap's left out."""
    ours, _ = pair(prod_env, "acme", "prod", "prod-dr")
    tag = {f"aws:RequestTag/{ENVIRONMENT_TAG}": ours.name, "aws:RequestedRegion": ours.region}
    keys = {**tagged(ours), **tag, "iam:PermissionsBoundary": boundary_arn(ours)}
    roles = f"role/{ours.stack_name('network')}-FlowLogRole-1", f"role/KarpenterNodeRole-{ours.cluster_name}"
    powers = "AttachRolePolicy CreateRole DeleteRole TagRole UpdateAssumeRolePolicy"
    bucket = "s3:::acme-prod-service-accoun-lokibucket-1a2b"
    asks = [
        *ask(ours, "iam", powers, *roles, region=""),
        *ask(ours, "iam", "CreatePolicy", f"policy/KarpenterControllerZonalShiftPolicy-{ours.cluster_name}", region=""),
        *(Ask(f"s3:{verb}", f"arn:aws:{bucket}") for verb in ("CreateBucket", "DeleteBucket", "PutBucketPolicy")),
        *ask(ours, "sqs", "CreateQueue DeleteQueue", queue_name(ours), f"{queue_name(ours)}-dlq", ours.cluster_name),
        *ask(ours, "sns", "CreateTopic DeleteTopic", topic_name(ours)),
        *ask(ours, "eks", "CreateAccessEntry CreateNodegroup DeleteCluster", f"cluster/{ours.cluster_name}"),
        *ask(ours, "eks", "DeleteNodegroup", f"nodegroup/{ours.cluster_name}/system/1"),
        *ask(ours, "events", "PutRule", f"rule/{ours.karpenter_stack[:24]}-RebalanceRule-1"),
        *ask(ours, "logs", "CreateLogGroup DeleteLogGroup", f"log-group:{ours.stack_name('network')}-FlowLogGroup-1"),
        *ask(ours, "elasticfilesystem", "CreateMountTarget DeleteFileSystem TagResource", "file-system/fs-1"),
        *ask(ours, "acm", "AddTagsToCertificate DeleteCertificate", "certificate/1"),
        *ask(ours, "iam", "CreateOpenIDConnectProvider", PROVIDER, region=""),
        *ask(ours, "ec2", "DeleteVpc ModifyVpcAttribute", "vpc/vpc-1"),
        *ask(ours, "kms", "CreateGrant PutKeyPolicy ScheduleKeyDeletion", "key/1"),
    ]
    asks = [Ask(a.action, a.resource, {**a.keys, **keys, "kms:GrantIsForAWSResource": "true"}) for a in asks]
    asks += [
        Ask("ec2:CreateVpc", "*", tag),
        Ask("kms:CreateKey", "*", tag),
        Ask("elasticfilesystem:CreateFileSystem", build_arn(ours, "elasticfilesystem", "file-system/*"), tag),
    ]
    reached = allowed(ours, asks, policies_of(ours, "CloudFormationRole"))
    assert [f"{a.action} on {a.resource}" for a in asks if f"{a.action} on {a.resource}" not in reached] == []


def test_ledgers_key_is_out_of_reach(prod_env: Environment) -> None:
    """Nobody of the pipeline changes the ledger's key, which carries the environment's tag as every resource does."""
    verbs = "CreateAlias CreateGrant DisableKey PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource UpdateAlias"
    keys = {**tagged(prod_env), "kms:GrantIsForAWSResource": "true"}
    asks = [Ask(f"kms:{verb}", ledger_key(prod_env), keys) for verb in verbs.split()]
    for title in ("DeployerRole", "CloudFormationRole", "PlannerRole"):
        assert allowed(prod_env, asks, policies_of(prod_env, title)) == []


def test_keys_of_nobodys_are_out_of_reach(prod_env: Environment) -> None:
    """A key without the environment's tag is neither changed nor given away; a grant is for an AWS service alone."""
    key = build_arn(prod_env, "kms", "key/foreign")
    verbs = "CreateGrant DisableKey EnableKey PutKeyPolicy ScheduleKeyDeletion UntagResource UpdateKeyDescription"
    asks = [Ask(f"kms:{verb}", key, {"kms:GrantIsForAWSResource": "true"}) for verb in verbs.split()]
    asks.append(Ask("kms:CreateGrant", key, tagged(prod_env)))
    asks.append(Ask("kms:CreateKey", "*", {"aws:RequestedRegion": prod_env.region}))
    assert allowed(prod_env, asks, policies_of(prod_env, "CloudFormationRole")) == []
