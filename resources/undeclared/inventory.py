"""What an environment has in AWS, by VPC, tag, name and cluster: after a teardown the proof of what is left.

Source: Resource Groups Tagging API, GetResources; API references of IAM, S3, SSM, CloudFormation and Route 53.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from resources.aws.errors import aws_call, error_code
from resources.cloudformation import ENVIRONMENT_TAG
from resources.config.names import is_stack_role, karpenter_stack
from resources.context import Context
from resources.leftovers.orphans import list_orphans
from resources.leftovers.tags import tag_map
from resources.model.errors import AccessDenied, NotFound
from resources.undeclared.aws import list_existing
from resources.undeclared.removal_commands import parse_arn, removal_command

_STACK_TAG = "aws:cloudformation:stack-name"


@dataclass(frozen=True)
class Left:
    """Something that is there. `kind`: its type in CloudFormation; `owner`: by what we know that it is the
    environment's; `command`: removes it, empty where nothing is known to; `bootstrap`: whether bootstrap made it;
    `waits`: until when it waits for its deletion; `unknown`: nothing may be listed there, `owner` says why."""

    kind: str
    identifier: str
    owner: str
    command: str = ""
    bootstrap: bool = False
    waits: str = ""
    unknown: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.identifier}".strip()


Reader = Callable[[Context], Iterator[Left]]


def list_left(context: Context) -> tuple[Left, ...]:
    """Everything of the environment's that AWS holds, each once, what bootstrap made marked as such. What may not be
    listed is in it as unknown: it proves nothing. Changes nothing. Raises Transient."""
    left: dict[str, Left] = {}
    for what, read in _READERS.items():
        try:
            with aws_call(f"listing {what}"):
                for one in read(context):
                    left.setdefault(str(one), one)
        except AccessDenied as error:
            left[what] = Left(what, "", error.message, unknown=True)
    made = _list_bootstrap(context)
    finished = (_finish(one, made, context) for one in left.values())
    return tuple(sorted((one for one in finished if one is not None), key=lambda one: (one.bootstrap, str(one))))


def _finish(one: Left, made: frozenset[str], context: Context) -> Left | None:
    """With its command, whether bootstrap made it, and until when it waits; None where it is gone by now."""
    if one.unknown:
        return one
    if one.bootstrap or one.identifier in made or _name_of(one.identifier) in made:
        return replace(one, bootstrap=True, command=f"eks-assets bootstrap {context.env.name} --remove")
    try:
        waits = _WAITING[one.kind](one.identifier, context) if one.kind in _WAITING else ""
    except NotFound:
        return None
    command = "" if waits else removal_command(one.kind, one.identifier, context.env.region)
    return replace(one, waits=waits, command=command)


def _name_of(arn: str) -> str:
    return arn.rpartition(":")[2] if arn.startswith("arn:") else arn


def _client(context: Context, service: str) -> Any:
    client: Any = context.aws.client
    return client(service)


def _list_bootstrap(context: Context) -> frozenset[str]:
    """The stack of bootstrap, and the physical ids of what is in it."""
    name = context.env.stack_name("bootstrap")
    try:
        with aws_call(f"listing the resources of stack {name}"):
            pages = _client(context, "cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
            listed = [one.get("PhysicalResourceId", "") for page in pages for one in page["StackResourceSummaries"]]
    except (NotFound, AccessDenied):
        listed = []
    return frozenset({name, *listed})


def _tagged(context: Context) -> Iterator[Left]:
    """By the environment's tag, in its VPC, in its cluster."""
    resources, unchecked = list_existing(context)
    bootstrap = context.env.stack_name("bootstrap")
    for one in resources:
        kind, identifier = one.kind, one.physical_id
        if identifier.startswith("arn:") and not kind.startswith("AWS::"):
            kind, identifier = parse_arn(identifier)
        stack = one.tags.get(_STACK_TAG)
        owner = f"stack {stack}" if stack else f"{ENVIRONMENT_TAG}={context.env.name}, or in its VPC or cluster"
        yield Left(kind, identifier, owner, bootstrap=stack == bootstrap)
    for missing in unchecked:
        yield Left(missing.object, "", missing.reason, unknown=True)


def _orphans(context: Context) -> Iterator[Left]:
    for one in list_orphans(context):
        yield Left(one.kind, one.identifier, one.owner)


def _is_ours(tags: Mapping[str, str], context: Context) -> bool:
    """Whether what has a name of ours is not another environment's: its prefix may begin with ours."""
    return tags.get(ENVIRONMENT_TAG, context.env.name) == context.env.name


def _stacks(context: Context) -> Iterator[Left]:
    prefix = context.env.resource_prefix
    for page in _client(context, "cloudformation").get_paginator("describe_stacks").paginate():
        for one in page["Stacks"]:
            name = one["StackName"]
            if (name.startswith(f"{prefix}-") or name == karpenter_stack(prefix)) and _is_ours(tag_map(one), context):
                yield Left("AWS::CloudFormation::Stack", name, f"its name; {one['StackStatus']}")


def _roles(context: Context) -> Iterator[Left]:
    client, prefix = _client(context, "iam"), context.env.resource_prefix
    for page in client.get_paginator("list_roles").paginate():
        for name in (one["RoleName"] for one in page["Roles"] if is_stack_role(one["RoleName"], prefix)):
            tags = tag_map(client.list_role_tags(RoleName=name))
            if _is_ours(tags, context):
                stack = tags.get(_STACK_TAG, "")
                yield Left("AWS::IAM::Role", name, f"its name, stack {stack}" if stack else "its name")


def _buckets(context: Context) -> Iterator[Left]:
    client = _client(context, "s3")
    for one in client.list_buckets()["Buckets"]:
        if one["Name"].startswith(f"{context.env.resource_prefix}-") and _is_ours(
            _bucket_tags(client, one["Name"]), context
        ):
            yield Left("AWS::S3::Bucket", one["Name"], "its name")


def _bucket_tags(client: Any, name: str) -> dict[str, str]:
    """None where they may not be read, as of the ledger; S3 refuses to list those of a bucket without any."""
    try:
        return tag_map({"Tags": client.get_bucket_tagging(Bucket=name)["TagSet"]})
    except ClientError as error:
        if error_code(error) in ("NoSuchTagSet", "AccessDenied"):
            return {}
        raise


def _parameters(context: Context) -> Iterator[Left]:
    where = [{"Key": "Name", "Option": "BeginsWith", "Values": [context.env.parameter_path("")]}]
    for page in _client(context, "ssm").get_paginator("describe_parameters").paginate(ParameterFilters=where):
        for one in page["Parameters"]:
            yield Left("AWS::SSM::Parameter", one["Name"], "its path")


def _secrets(context: Context) -> Iterator[Left]:
    """Those that wait for their deletion are listed only when asked for."""
    where = [{"Key": "name", "Values": [context.env.parameter_path("")]}]
    pages = _client(context, "secretsmanager").get_paginator("list_secrets")
    for page in pages.paginate(Filters=where, IncludePlannedDeletion=True):
        for one in page["SecretList"]:
            if one["Name"].startswith(context.env.parameter_path("")):
                yield Left("AWS::SecretsManager::Secret", one["ARN"], "its path")


def _zones(context: Context) -> Iterator[Left]:
    if not context.env.hosted_zone.create:
        return
    client, name = _client(context, "route53"), context.env.hosted_zone.name
    for one in client.list_hosted_zones_by_name(DNSName=name)["HostedZones"]:
        if one["Name"].rstrip(".") != name.rstrip("."):
            continue
        identifier = one["Id"].rpartition("/")[2]
        answer = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=identifier)
        if tag_map(answer["ResourceTagSet"]).get(ENVIRONMENT_TAG) == context.env.name:
            yield Left("AWS::Route53::HostedZone", identifier, f"{ENVIRONMENT_TAG}={context.env.name}")


_READERS: Mapping[str, Reader] = {
    "stacks": _stacks,
    "resources by tag, VPC and cluster": _tagged,
    "what the cluster has left": _orphans,
    "roles": _roles,
    "buckets": _buckets,
    "parameters": _parameters,
    "secrets": _secrets,
    "hosted zones": _zones,
}


def _key_waits(identifier: str, context: Context) -> str:
    with aws_call(f"describing the key {identifier}"):
        key = _client(context, "kms").describe_key(KeyId=identifier)["KeyMetadata"]
    return str(key["DeletionDate"].date()) if key["KeyState"] == "PendingDeletion" else ""


def _secret_waits(arn: str, context: Context) -> str:
    with aws_call(f"describing the secret {arn}"):
        secret = _client(context, "secretsmanager").describe_secret(SecretId=arn)
    return str(secret["DeletedDate"].date()) if "DeletedDate" in secret else ""


_WAITING: Mapping[str, Callable[[str, Context], str]] = {
    "AWS::KMS::Key": _key_waits,
    "AWS::SecretsManager::Secret": _secret_waits,
}
