"""Small pieces that CloudFormation templates share: parameters, outputs, policies, roles and buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, Output, Parameter, Ref, Sub, Template, iam, s3

from resources.config.environment import Environment
from resources.config.names import permissions_boundary
from resources.model.outputs import Outputs
from resources.model.specs import output_key

Document = dict[str, Any]
# The tag of every stack, and so of each resource in it, that says which environment it belongs to.
ENVIRONMENT_TAG = "eks-assets:environment"


def stack_tags(env: Environment) -> dict[str, str]:
    """Tags of every stack. They reach each of its resources, so they stay the same from deploy to deploy."""
    return {ENVIRONMENT_TAG: env.name}


def text_parameter(template: Template, name: str, description: str) -> Ref:
    """A parameter that holds one text, and the reference to it."""
    template.add_parameter(Parameter(name, Type="String", Description=description))
    return Ref(name)


def list_parameter(template: Template, name: str, description: str) -> Ref:
    """A parameter that holds a comma-joined list, and the reference to it."""
    template.add_parameter(Parameter(name, Type="CommaDelimitedList", Description=description))
    return Ref(name)


def add_outputs(template: Template, kind: type[Outputs], **values: Any) -> None:
    """One template output for each field of `kind`. Raises TypeError unless the values name exactly its fields."""
    if values.keys() != kind.model_fields.keys():
        raise TypeError(f"{kind.__name__} has the fields {', '.join(kind.model_fields)}, not {', '.join(values)}")
    for field, value in values.items():
        template.add_output(Output(output_key(field), Value=value))


def allow(actions: Sequence[str], resources: Any = "*", **conditions: Mapping[str, Any]) -> Document:
    """An IAM statement that allows; conditions by operator: `StringEquals={"aws:SourceAccount": ...}`."""
    return _statement("Allow", actions, resources, conditions)


def deny(actions: Sequence[str], resources: Any = "*", **conditions: Mapping[str, Any]) -> Document:
    """An IAM statement that denies."""
    return _statement("Deny", actions, resources, conditions)


def _statement(effect: str, actions: str | Sequence[str], resources: Any, conditions: Mapping[str, Any]) -> Document:
    listed = actions if isinstance(actions, str) else list(actions)
    statement: Document = {"Effect": effect, "Action": listed, "Resource": resources}
    return {**statement, "Condition": dict(conditions)} if conditions else statement


def tls_only(actions: str | Sequence[str], resources: Any) -> Document:
    """A statement of a resource's own policy that refuses the actions to whoever comes without TLS."""
    return {**_statement("Deny", actions, resources, {"Bool": {"aws:SecureTransport": "false"}}), "Principal": "*"}


def protect_from_replacement(*titles: str) -> Document:
    """A stack policy under which no update replaces or deletes the resources with these logical ids."""
    protected = [f"LogicalResourceId/{title}" for title in titles]
    anyone = {"Principal": "*"}
    return {
        "Statement": [
            {"Effect": "Allow", "Action": "Update:*", "Resource": "*", **anyone},
            {
                "Effect": "Deny",
                "Action": ["Update:Replace", "Update:Delete"],
                # One stays a text: the policies of deployed stacks are compared with this one.
                "Resource": protected if len(protected) > 1 else protected[0],
                **anyone,
            },
        ]
    }


def policy_document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust_policy(principal: Mapping[str, Any], *actions: str, **conditions: Mapping[str, Any]) -> Document:
    """A trust policy: who may assume the role, and under which conditions."""
    statement: Document = {
        "Effect": "Allow",
        "Principal": dict(principal),
        "Action": list(actions) or ["sts:AssumeRole"],
    }
    return policy_document({**statement, "Condition": dict(conditions)} if conditions else statement)


def service_trust(env: Environment, service: str) -> Document:
    """Trust in an AWS service that acts for this account, and for no other."""
    return trust_policy({"Service": service}, StringEquals={"aws:SourceAccount": env.account})


def build_arn(env: Environment, service: str, resource: str, *, region: str | None = None) -> str:
    """An ARN in the environment's account. `region=""` for services without one, such as IAM."""
    return f"arn:{env.partition}:{service}:{env.region if region is None else region}:{env.account}:{resource}"


def aws_policy(env: Environment, path: str) -> str:
    """The ARN of a policy that AWS manages, such as `service-role/AmazonEBSCSIDriverPolicy`."""
    return f"arn:{env.partition}:iam::aws:policy/{path}"


def boundary_arn(env: Environment) -> str:
    """The permissions boundary of each role that the pipeline makes: the environment's own, else bootstrap's."""
    return env.roles.permissions_boundary or bootstrap_boundary_arn(env)


def bootstrap_boundary_arn(env: Environment) -> str:
    """The ARN of the boundary that bootstrap makes, whether or not the environment names another."""
    return build_arn(env, "iam", f"policy/{permissions_boundary(env)}", region="")


def boundary_properties(env: Environment) -> dict[str, str]:
    """The property that puts a role under the environment's permissions boundary."""
    return {"PermissionsBoundary": boundary_arn(env)}


def build_role(
    env: Environment,
    title: str,
    trusts: Document,
    statements: Sequence[Document] = (),
    managed: Sequence[Any] = (),
    *,
    name: str | None = None,
    description: str = "",
) -> iam.Role:
    """An IAM role under the environment's permissions boundary. Without `name` CloudFormation chooses one."""
    optional: Document = {
        "RoleName": name,
        "Description": description or None,
        "ManagedPolicyArns": list(managed) or None,
        "Policies": [iam.Policy(PolicyName=title, PolicyDocument=policy_document(*statements))] if statements else None,
    }
    given = {key: value for key, value in optional.items() if value is not None}
    return iam.Role(title, AssumeRolePolicyDocument=trusts, **boundary_properties(env), **given)


def add_private_bucket(
    template: Template,
    env: Environment,
    title: str,
    encryption: s3.ServerSideEncryptionByDefault,
    statements: Sequence[Document] = (),
    **more: Any,
) -> s3.Bucket:
    """An encrypted bucket that nobody reaches without an identity and TLS; it outlives its stack. `statements`: what
    else its policy says; `more`: further properties of the bucket."""
    rule = s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=encryption, BucketKeyEnabled=True)
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    owner = s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")
    bucket = s3.Bucket(
        title,
        BucketEncryption=s3.BucketEncryption(ServerSideEncryptionConfiguration=[rule]),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(**dict.fromkeys(closed, True)),
        OwnershipControls=s3.OwnershipControls(Rules=[owner]),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
        **more,
    )
    template.add_resource(bucket)
    contents = [GetAtt(bucket, "Arn"), Sub(f"${{{title}.Arn}}/*")]
    encrypted = [] if env.sandbox else [tls_only(["s3:*"], contents)]  # a sandbox's AWS is reached over plain HTTP
    if encrypted or statements:
        policy = policy_document(*encrypted, *statements)
        template.add_resource(
            s3.BucketPolicy(
                f"{title}Policy",
                Bucket=Ref(bucket),
                PolicyDocument=policy,
                **({"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"} if statements else {}),
            )
        )
    return bucket


def pod_identity_trust(env: Environment) -> Document:
    """Trust in EKS Pod Identity, for pods of the environment's cluster alone.

    Source: EKS user guide, "Set up pod identity agent: trust policy"; the session tags name namespace and account.
    """
    return trust_policy(
        {"Service": "pods.eks.amazonaws.com"},
        "sts:AssumeRole",
        "sts:TagSession",
        StringEquals={"aws:SourceAccount": env.account},
        ArnEquals={"aws:SourceArn": cluster_arn(env)},
    )


def cluster_tags(env: Environment) -> dict[str, str]:
    """Tags of the stacks that serve this cluster alone: the ClusterConfig's `metadata.tags`, and those of every stack.

    Not on the network's stacks: the tag `karpenter.sh/discovery` there would hand Karpenter public subnets too."""
    return {**env.cluster.metadata.tags, **stack_tags(env)}


def cluster_arn(env: Environment) -> str:
    return build_arn(env, "eks", f"cluster/{env.cluster_name}")
