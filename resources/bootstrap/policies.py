"""What the pipeline, the deployer, the planner and an approver may do, and who may take the roles."""

from __future__ import annotations

from typing import Any

from resources.bootstrap.ownership import (
    carries_tag,
    no_changes_elsewhere,
    own_cluster,
    own_requests,
    own_stacks,
    role_arn,
)
from resources.bootstrap.stack_rights import (
    git_secrets,
    loki_buckets,
    other_secrets,
    parameter_arns,
    read_only_git_secret,
)
from resources.bootstrap.teardown_rights import TEARDOWN_ACTIONS, teardown_statements
from resources.bootstrap.upgrade_rights import upgrade_rights
from resources.cloudformation import Document, allow, build_arn, cluster_arn, deny, policy_document
from resources.config.environment import DeployerRole, Environment
from resources.config.names import (
    deployer_role,
    destroyer_role,
    gate_parameter,
    lease_table,
    ledger_bucket,
    planner_role,
    topic_name,
)
from resources.drivers.stack.change_sets import PREFIX

# Whoever asks CloudFormation for drift must be able to read the resources that it compares; `doctor` asks for the rest.
_READ_ACTIONS = """
    acm:DescribeCertificate acm:ListTagsForCertificate
    cloudtrail:LookupEvents
    ec2:Describe*
    elasticloadbalancing:Describe*
    elasticfilesystem:Describe* elasticfilesystem:ListTagsForResource
    events:DescribeRule events:ListTagsForResource events:ListTargetsByRule
    iam:GetInstanceProfile iam:GetOpenIDConnectProvider iam:GetPolicy iam:GetPolicyVersion iam:GetRole iam:GetRolePolicy
    iam:GetUser
    iam:ListAttachedRolePolicies iam:ListEntitiesForPolicy iam:ListInstanceProfile* iam:ListOpenIDConnectProvider*
    iam:ListPolicyVersions iam:ListRole* iam:SimulateCustomPolicy iam:SimulatePrincipalPolicy
    kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListGrants kms:ListResourceTags
    logs:Describe* logs:GetDataProtectionPolicy logs:ListTagsForResource
    pricing:GetProducts
    route53:GetChange route53:GetHostedZone route53:ListHostedZones* route53:ListQueryLoggingConfigs
    route53:ListResourceRecordSets route53:ListTagsForResource
    s3:ListAllMyBuckets
    secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy secretsmanager:ListSecrets
    servicequotas:GetAWSDefaultServiceQuota servicequotas:GetServiceQuota
    sns:GetDataProtectionPolicy sns:GetSubscriptionAttributes sns:GetTopicAttributes sns:ListSubscriptionsByTopic
    sns:ListTagsForResource
    sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListQueueTags
    tag:GetResources
"""
_READ_BUCKETS = ["s3:Get*Configuration", "s3:GetBucket*", "s3:ListBucket", "s3:ListTagsForResource"]
_PLANNING_ACTIONS = """
    CreateChangeSet DeleteChangeSet Describe* Detect* GetStackPolicy GetTemplate GetTemplateSummary List*
"""
_DEPLOYING_ACTIONS = """
    CancelUpdateStack ContinueUpdateRollback DeleteStack ExecuteChangeSet RollbackStack SetStackPolicy
    TagResource UntagResource UpdateTerminationProtection
"""


def deployer_trust(env: Environment, pipeline: Any, role: DeployerRole | None) -> Document:
    """Who may be the deployer, or the destroyer (`role`: as the environment names it): the pipeline role (`pipeline`:
    its ARN), in a sandbox the account too; with the external id where the role has one, and with no other session tag
    than the environment's name."""
    principals = [pipeline, *([build_arn(env, "iam", "root", region="")] if env.sandbox else [])]
    external_id = role.external_id if role else None
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}} if external_id else {}
    return policy_document(_trusts(principals, "sts:AssumeRole", condition), _session_tags(principals))


def pipeline_trust(env: Environment) -> Document:
    """Who may be the pipeline: identities of the account whose own policies allow it."""
    return _whoever_may([build_arn(env, "iam", "root", region="")])


def planner_trust(env: Environment, pipeline: Any) -> Document:
    """Who may be the planner: the pipeline role (`pipeline`: its ARN), and identities of the account, such as that of
    a continuous integration, whose own policies allow it."""
    return _whoever_may([pipeline, build_arn(env, "iam", "root", region="")])


def _whoever_may(principals: list[Any]) -> Document:
    return policy_document(_trusts(principals, "sts:AssumeRole", {}), _session_tags(principals))


def _session_tags(principals: list[Any]) -> Document:
    only = {"ForAllValues:StringEquals": {"aws:TagKeys": ["eks-assets:environment"]}}
    return _trusts(principals, "sts:TagSession", {"Condition": only})


def _trusts(principals: list[Any], action: str, condition: Document) -> Document:
    return {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": action, **condition}


def pipeline_statements(env: Environment) -> list[Document]:
    """The pipeline role can do nothing but become the deployer, the planner or the destroyer."""
    roles = [role_arn(env, role) for role in (deployer_role(env), planner_role(env), destroyer_role(env)) if role]
    return [allow(["sts:AssumeRole", "sts:TagSession"], roles), no_grants(env), no_anchors(env)]


# What takes a decision, or the room for the next ones, away.
UNDOING = "DeleteParameter DeleteParameters LabelParameterVersion UnlabelParameterVersion"
# What shows an approver how a release stands.
APPROVERS_READ = ("rejections", "releases", "requests", "ui-votes", "uses")

# What `history` and `audit verify` read.
HISTORY = ("changes", "drift", "rejections", "requests", "rollbacks", "ui-votes", "upgrades", "validations")


def approver_statements(env: Environment, key: Any) -> list[Document]:
    """An approver reads releases and requests, and writes grants: versions of a parameter, each under its writer's own
    name, that stay. `key`: the ARN of the ledger's key."""
    grants, write = _grants(env), "GetParameter GetParameterHistory GetParameters PutParameter"
    bucket = f"arn:{env.partition}:s3:::{ledger_bucket(env)}"
    return [
        allow([f"ssm:{verb}" for verb in write.split()], grants),
        allow(["ssm:GetParameter"], build_arn(env, "ssm", f"parameter{gate_parameter(env)}")),
        allow(["ssm:DescribeParameters"]),
        # Whether a session proves a person stands in its role.
        allow(["iam:GetRole"], build_arn(env, "iam", "role/*", region="")),
        allow(["iam:GetUser"], build_arn(env, "iam", "user/*", region="")),
        allow(["s3:GetObject", "s3:GetObjectVersion"], [f"{bucket}/{folder}/*" for folder in APPROVERS_READ]),
        allow(["s3:ListBucket", "s3:ListBucketVersions"], bucket),
        allow(["kms:Decrypt"], key),
        deny([f"ssm:{verb}" for verb in UNDOING.split()], grants),
        # Parameter policies can expire a parameter, with every decision in it.
        deny(["ssm:PutParameter"], grants, StringEquals={"ssm:Policies": "true"}),
    ]


def no_grants(env: Environment) -> Document:
    """No role of the pipeline writes, erases or marks a grant, of any environment, whatever else it may do."""
    verbs = "AddTagsToResource DeleteParameter DeleteParameters LabelParameterVersion PutParameter"
    return deny([f"ssm:{verb}" for verb in verbs.split()], build_arn(env, "ssm", "parameter/*/approvals/*"))


def no_anchors(env: Environment) -> Document:
    """No role of the pipeline writes, erases or marks what bootstrap anchored, of any environment."""
    verbs = """
        AddTagsToResource DeleteParameter DeleteParameters LabelParameterVersion PutParameter RemoveTagsFromResource
        UnlabelParameterVersion
    """
    return deny([f"ssm:{verb}" for verb in verbs.split()], build_arn(env, "ssm", "parameter/*/bootstrap/*"))


def _grants(env: Environment) -> str:
    return build_arn(env, "ssm", f"parameter{env.parameter_path('approvals/*')}")


def shared_denials(env: Environment) -> list[Document]:
    """What deployer, planner and service role are denied, whatever else they may do: one policy of its own, as the
    template would be too long."""
    return [no_grants(env), no_anchors(env), *no_changes_elsewhere(env)]


def cloudformation_statements(key: Any) -> list[Document]:
    """What the service role is denied beside, whatever its stack rights allow. `key`: the ARN of the ledger's key."""
    return [_keeps_key(key)]


def deployer_statements(env: Environment, service_role: Any) -> list[Document]:
    """The deployer asks CloudFormation, reads what exists, and writes the ledger (`acting_statements`).
    `service_role`: its ARN."""
    # A resource that a stack takes over gets the environment's tag, and with it the environment's rights over it.
    # Over the zones that its stack makes it has those anyway.
    kinds = ["AWS::SecretsManager::Secret", *(["AWS::Route53::HostedZone"] if env.hosted_zone.create else [])]
    taking_over = {"cloudformation:ImportResourceTypes": kinds if len(kinds) > 1 else kinds[0]}
    return [
        *_stacks(env, service_role, f"{_PLANNING_ACTIONS} {_DEPLOYING_ACTIONS}"),
        deny(["cloudformation:CreateChangeSet"], **{"ForAnyValue:StringNotEquals": taking_over}),
        allow(_READ_BUCKETS, loki_buckets(env)),
    ]


def destroyer_statements(env: Environment, service_role: Any) -> list[Document]:
    """The destroyer deletes stacks and what they leave. `service_role`: its ARN."""
    read = ("Describe*", "Get*", "List*")
    return [
        # A stack that is gone has no tag.
        allow([f"cloudformation:{verb}" for verb in read], _stacks_by_prefix(env)),
        _tagged_stacks(env, TEARDOWN_ACTIONS),
        allow(["cloudformation:DescribeStacks", "cloudformation:ListStacks"]),
        deny(["cloudformation:CreateChangeSet"], Null={"cloudformation:ImportResourceTypes": "false"}),
        _passes(service_role),
        *teardown_statements(env),
    ]


def acting_statements(env: Environment, key: Any) -> list[Document]:
    """What deployer and destroyer both do without CloudFormation, and the ledger that they write: one policy of its
    own, as the template would be too long. `key`: the ARN of the ledger's key."""
    return [*_secrets(git_secrets(env)), *_platform(env), *_ledger(env, key), _keeps_key(key)]


def planner_statements(env: Environment, service_role: Any, key: Any) -> list[Document]:
    """The planner reads what exists, and makes and deletes the change sets that a plan looks into. Of the ledger it
    sees whether the environment has been through its gate, and reads which commits the pipeline has pushed, what was
    done, with the head of the chain, and the environment as it was applied, which has secrets as keyed hashes; of
    git's credentials it reads those that may not write; it has no part in leases. `service_role`, `key`: the ARNs of
    the role that a change set names, and of the ledger's key."""
    bucket = f"arn:{env.partition}:s3:::{ledger_bucket(env)}"
    listed, read = ("uses", *HISTORY), ("pushes", "releases", "held", "environments", *HISTORY)
    return [
        *_stacks(env, service_role, _PLANNING_ACTIONS, existing_only=True),
        *_secrets(read_only_git_secret(env)),
        allow([action for action in _READ_BUCKETS if action != "s3:ListBucket"], loki_buckets(env)),
        allow(["s3:ListBucket", "s3:ListBucketVersions"], bucket, StringLike={"s3:prefix": [f"{f}/*" for f in listed]}),
        allow(["s3:GetObject", "s3:GetObjectVersion"], [f"{bucket}/{folder}/*" for folder in read]),
        _chain_head(env),
        allow(["kms:Decrypt"], key, StringEquals={"kms:EncryptionContext:aws:s3:arn": bucket}),
    ]


def _chain_head(env: Environment) -> Document:
    """The row with the end of the ledger's chain (`records/chain_head.py`), of a table whose other rows are leases."""
    rows = {"dynamodb:LeadingKeys": "ledger:*"}
    table = build_arn(env, "dynamodb", f"table/{lease_table(env)}")
    return allow(["dynamodb:GetItem"], table, **{"ForAllValues:StringLike": rows})


def _keeps_key(key: Any) -> Document:
    """The ledger is read and written with its key; nobody of the pipeline changes the key."""
    using = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:Get*", "kms:List*"]
    return {"Effect": "Deny", "NotAction": using, "Resource": key}


def _secrets(secrets: list[str]) -> list[Document]:
    """Of all secrets these alone are read: credentials of the application repository."""
    one = secrets[0] if len(secrets) == 1 else secrets
    reading = [allow(["secretsmanager:GetSecretValue"], one)] if secrets else []
    return [*reading, other_secrets(secrets)]


def _stacks(env: Environment, service_role: Any, verbs: str, *, existing_only: bool = False) -> list[Document]:
    """`existing_only`: change sets of stacks that exist, and so have the tag; that of another one would leave an empty
    stack behind."""

    def stacks(*names: str) -> list[str]:
        return [build_arn(env, "cloudformation", f"stack/{name}/*") for name in names]

    actions = [f"cloudformation:{name}" for name in verbs.split()]
    own, bootstrap = stacks(*own_stacks(env)), stacks(env.stack_name("bootstrap"))
    if existing_only:
        actions.remove("cloudformation:CreateChangeSet")
    return [
        allow(actions, own),
        *([_tagged_stacks(env, "CreateChangeSet")] if existing_only else []),
        allow(
            [f"cloudformation:{verb}" for verb in ("DescribeStacks", "GetTemplate", "ListStackResources")], bootstrap
        ),
        # What CloudFormation found in a change set is asked for by the change set's own ARN.
        allow(["cloudformation:DescribeEvents"], build_arn(env, "cloudformation", f"changeSet/{PREFIX}*")),
        allow(["cloudformation:DescribeStackDriftDetectionStatus", "cloudformation:ListStacks"]),
        _passes(service_role),
    ]


def _tagged_stacks(env: Environment, verbs: str) -> Document:
    """The verbs on the environment's stacks that exist: by its tag, as a list of their names would be too long."""
    actions = [f"cloudformation:{verb}" for verb in verbs.split()]
    return allow(actions, _stacks_by_prefix(env), StringEquals=carries_tag(env))


def _stacks_by_prefix(env: Environment) -> list[str]:
    names = (f"{env.resource_prefix}-*", env.karpenter_stack)
    return [build_arn(env, "cloudformation", f"stack/{name}/*") for name in names]


def _passes(service_role: Any) -> Document:
    return allow(["iam:PassRole"], service_role, StringEquals={"iam:PassedToService": "cloudformation.amazonaws.com"})


def reading_statements(env: Environment) -> list[Document]:
    """What deployer and planner both read: one policy of its own, as inline ones would be too long, and the template,
    too."""
    return [allow(_READ_ACTIONS.split()), *_reading(env)]


def _reading(env: Environment) -> list[Document]:
    """What exists in the account and in the cluster, and the charts, where they lie in the account's registry."""
    pulls = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    images = f"arn:{env.partition}:ssm:{env.region}::parameter/aws/service"
    cluster_log = build_arn(env, "logs", f"log-group:/aws/eks/{env.cluster_name}/cluster")
    mirror = [allow(["ecr:GetAuthorizationToken"]), allow(pulls, build_arn(env, "ecr", "repository/*"))]
    return [
        allow(["eks:AccessKubernetesApi", "eks:Describe*", "eks:List*"], own_cluster(env)),
        # Before an upgrade EKS is asked to look at the cluster again: that changes nothing of it.
        allow(["eks:StartInsightsRefresh"], cluster_arn(env)),
        # AWS has asked with and without the end.
        allow(["logs:FilterLogEvents"], [cluster_log, f"{cluster_log}:*"]),
        allow(["eks:DescribeAddonVersions", "eks:DescribeClusterVersions", "eks:ListClusters"]),
        # AWS's own parameters, which say what the newest images of nodes are.
        allow(["ssm:GetParameter"], [f"{images}/{place}/*" for place in ("eks/optimized-ami", "bottlerocket")]),
        allow(["ssm:GetParameter*", "ssm:ListTagsForResource"], parameter_arns(env)),
        allow(["ssm:DescribeParameters"]),
        allow(["sts:GetCallerIdentity"]),
        *(mirror if env.charts.mirror and ".dkr.ecr." in env.charts.mirror else []),
        # Anonymous pulls of public charts work too, only fewer of them.
        *([] if env.charts.mirror else [allow(["ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"])]),
    ]


def _platform(env: Environment) -> list[Document]:
    """What is changed or told without CloudFormation."""
    queue = "DeleteMessage GetQueueAttributes GetQueueUrl ReceiveMessage SendMessage"
    return [
        allow(["ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:PutParameter"], parameter_arns(env)),
        allow(["sns:Publish"], build_arn(env, "sns", topic_name(env))),
        allow([f"sqs:{verb}" for verb in queue.split()], own_requests(env)),
        *upgrade_rights(env),
    ]


def _ledger(env: Environment, key: Any) -> list[Document]:
    """The ledger can be added to, never erased: no right to delete objects or versions of it."""
    bucket = f"arn:{env.partition}:s3:::{ledger_bucket(env)}"
    rows = ["DeleteItem", "DescribeTable", "GetItem", "PutItem", "Query", "UpdateItem"]
    return [
        allow(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], f"{bucket}/*"),
        allow(["s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketVersions"], bucket),
        allow([f"dynamodb:{row}" for row in rows], build_arn(env, "dynamodb", f"table/{lease_table(env)}")),
        allow(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], key),
    ]
