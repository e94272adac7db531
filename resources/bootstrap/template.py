"""The CloudFormation template of what must exist before the first deploy."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Tags, Template, dynamodb, iam, kms, s3, ssm

from resources.bootstrap.boundary import boundary_statements
from resources.bootstrap.gate import anchor_json
from resources.bootstrap.ledger_policy import append_only
from resources.bootstrap.policies import (
    acting_statements,
    approver_statements,
    cloudformation_statements,
    deployer_statements,
    deployer_trust,
    destroyer_statements,
    pipeline_statements,
    pipeline_trust,
    planner_statements,
    planner_trust,
    reading_statements,
    shared_denials,
)
from resources.bootstrap.stack_rights import stack_rights
from resources.cloudformation import (
    Document,
    add_outputs,
    add_private_bucket,
    build_arn,
    policy_document,
    service_trust,
)
from resources.config.environment import Environment
from resources.config.gate_anchor import GateAnchor, anchor_of
from resources.config.names import (
    RoleName,
    approver_policy,
    cloudformation_role,
    deployer_role,
    destroyer_role,
    gate_parameter,
    lease_table,
    ledger_bucket,
    ledger_key_alias,
    permissions_boundary,
    pipeline_role,
    planner_role,
)
from resources.model.outputs import Outputs


class BootstrapOutputs(Outputs):
    """What an environment file names under `roles`, what approvers need, and where plans and leases are kept."""

    pipeline_role_arn: str
    deployer_role_arn: str
    planner_role_arn: str
    cloudformation_role_arn: str
    approver_policy_arn: str
    permissions_boundary_arn: str
    ledger_bucket: str
    lease_table: str
    ledger_key_arn: str


def build_bootstrap_template(env: Environment, anchor: GateAnchor | None = None) -> dict[str, Any]:
    """The template: the roles, the approvers' policy, the ledger's bucket and key, the table of leases, the anchored
    gate. `anchor`: what an administrator's rights have read; without it, what the file says, with no facts of roles."""
    document = Template(Description=f"What the pipeline needs before it can deploy {env.resource_prefix}")
    key = _add_key(document, env)
    bucket = _add_ledger(document, env, key)
    table = document.add_resource(_table(env))
    pipeline, key_arn = _add_pipeline(document, env), GetAtt(key, "Arn")
    trusts, rights = _cloudformation_trust(env), cloudformation_statements(key_arn)
    service = _add_role(document, env, "CloudFormationRole", cloudformation_role(env), trusts, rights)
    service_arn = GetAtt(service, "Arn")
    rights = deployer_statements(env, service_arn)
    trusts = deployer_trust(env, pipeline, env.roles.deployer)
    deployer = _add_role(document, env, "DeployerRole", deployer_role(env), trusts, rights)
    rights = planner_statements(env, service_arn, key_arn)
    planner = _add_role(document, env, "PlannerRole", planner_role(env), planner_trust(env, pipeline), rights)
    destroyer = _add_destroyer(document, env, pipeline, service_arn)
    document.add_resource(_acting_rights(env, key_arn, deployer, *destroyer))
    document.add_resource(_read_rights(env, deployer, planner, *destroyer))
    document.add_resource(_shared_denials(env, deployer, planner, service, *destroyer))
    # Stacks without a service role are made with the deployer's own rights, and deleted with the destroyer's.
    _add_stack_rights(document, env, [service] if env.roles.cloudformation else [service, deployer, *destroyer])
    approver = document.add_resource(_approver_policy(env, key))
    document.add_resource(_anchored_gate(env, anchor or anchor_of(env)))
    add_outputs(
        document,
        BootstrapOutputs,
        pipeline_role_arn=pipeline,
        deployer_role_arn=GetAtt(deployer, "Arn"),
        planner_role_arn=GetAtt(planner, "Arn"),
        cloudformation_role_arn=service_arn,
        approver_policy_arn=Ref(approver),
        permissions_boundary_arn=Ref(document.add_resource(_boundary(env, key_arn))),
        ledger_bucket=Ref(bucket),
        lease_table=Ref(table),
        ledger_key_arn=key_arn,
    )
    rendered: dict[str, Any] = document.to_dict()
    return rendered


def _add_stack_rights(document: Template, env: Environment, makers: list[iam.Role]) -> None:
    roles = [Ref(maker) for maker in makers]
    for title, statements in stack_rights(env).items():
        document.add_resource(iam.ManagedPolicy(title, PolicyDocument=policy_document(*statements), Roles=roles))


def _read_rights(env: Environment, *roles: iam.Role) -> iam.ManagedPolicy:
    document = policy_document(*reading_statements(env))
    return iam.ManagedPolicy("ReadRights", PolicyDocument=document, Roles=[Ref(role) for role in roles])


def _acting_rights(env: Environment, key: Any, *roles: iam.Role) -> iam.ManagedPolicy:
    document = policy_document(*acting_statements(env, key))
    return iam.ManagedPolicy("ActingRights", PolicyDocument=document, Roles=[Ref(role) for role in roles])


def _shared_denials(env: Environment, *roles: iam.Role) -> iam.ManagedPolicy:
    document = policy_document(*shared_denials(env))
    return iam.ManagedPolicy("SharedDenials", PolicyDocument=document, Roles=[Ref(role) for role in roles])


def _approver_policy(env: Environment, key: kms.Key) -> iam.ManagedPolicy:
    return iam.ManagedPolicy(
        "ApproverPolicy",
        ManagedPolicyName=approver_policy(env),
        Description=f"Approve and reject releases of {env.resource_prefix}",
        PolicyDocument=policy_document(*approver_statements(env, GetAtt(key, "Arn"))),
    )


def _boundary(env: Environment, key: Any) -> iam.ManagedPolicy:
    """Made for an environment with a boundary of its own too, which it may leave out one day."""
    return iam.ManagedPolicy(
        "PermissionsBoundary",
        ManagedPolicyName=permissions_boundary(env),
        Description=f"Bounds every role that the pipeline makes for {env.resource_prefix}",
        PolicyDocument=policy_document(*boundary_statements(env, key)),
    )


def _anchored_gate(env: Environment, anchor: GateAnchor) -> ssm.Parameter:
    return ssm.Parameter(
        "AnchoredGate",
        Name=gate_parameter(env),
        Description=f"The least approval gate of {env.resource_prefix}",
        Type="String",
        Tier="Intelligent-Tiering",
        Value=anchor_json(anchor),
    )


def _add_pipeline(document: Template, env: Environment) -> Any:
    """The pipeline role's ARN: of the one made here, or of the one that exists in another account."""
    name = pipeline_role(env)
    if name is None:
        return env.roles.pipeline
    made = _add_role(document, env, "PipelineRole", name, pipeline_trust(env), pipeline_statements(env))
    return GetAtt(made, "Arn")


def _add_destroyer(document: Template, env: Environment, pipeline: Any, service: Any) -> list[iam.Role]:
    """The role that tears down, where the environment names one."""
    name = destroyer_role(env)
    if name is None:
        return []
    trusts, rights = deployer_trust(env, pipeline, env.roles.destroyer), destroyer_statements(env, service)
    return [_add_role(document, env, "DestroyerRole", name, trusts, rights)]


def _add_role(
    document: Template,
    env: Environment,
    title: str,
    name: RoleName,
    trusts: Document,
    statements: list[Document],
) -> iam.Role:
    made = iam.Role(
        title,
        RoleName=name.name,
        Path=name.path,
        AssumeRolePolicyDocument=trusts,
        MaxSessionDuration=3600,
        Policies=[iam.Policy(PolicyName=title, PolicyDocument=policy_document(*statements))],
    )
    document.add_resource(made)
    return made


def _cloudformation_trust(env: Environment) -> Document:
    return service_trust(env, "cloudformation.amazonaws.com")


def _add_key(document: Template, env: Environment) -> kms.Key:
    root = {"AWS": build_arn(env, "iam", "root", region="")}
    # The account decides by IAM policies who uses the key; AWS refuses a key that nobody can administer.
    policy = policy_document({"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"})
    key = kms.Key(
        "LedgerKey",
        Description=f"Ledger of {env.resource_prefix}",
        EnableKeyRotation=True,
        KeyPolicy=policy,
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    document.add_resource(key)
    document.add_resource(kms.Alias("LedgerKeyAlias", AliasName=ledger_key_alias(env), TargetKeyId=Ref(key)))
    return key


def _add_ledger(document: Template, env: Environment, key: kms.Key) -> s3.Bucket:
    retention = s3.DefaultRetention(Mode="GOVERNANCE", Days=env.ledger.retention_days)
    return add_private_bucket(
        document,
        env,
        "LedgerBucket",
        s3.ServerSideEncryptionByDefault(SSEAlgorithm="aws:kms", KMSMasterKeyID=GetAtt(key, "Arn")),
        append_only(env, "LedgerBucket"),
        BucketName=ledger_bucket(env),
        ObjectLockEnabled=True,
        ObjectLockConfiguration=s3.ObjectLockConfiguration(
            ObjectLockEnabled="Enabled", Rule=s3.ObjectLockRule(DefaultRetention=retention)
        ),
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        Tags=Tags(Name=ledger_bucket(env)),
    )


def _table(env: Environment) -> dynamodb.Table:
    return dynamodb.Table(
        "LeaseTable",
        TableName=lease_table(env),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[dynamodb.AttributeDefinition(AttributeName="environment", AttributeType="S")],
        KeySchema=[dynamodb.KeySchema(AttributeName="environment", KeyType="HASH")],
        PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
        SSESpecification=dynamodb.SSESpecification(SSEEnabled=True),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
