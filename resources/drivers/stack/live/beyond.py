"""What somebody added to a resource where its template declares nothing of the kind.

CloudFormation compares only what a template declares, and puts back no more than that.

Each with the command that takes it away. Sources: EKS, SQS, SNS and S3 API references.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from resources.context import Context
from resources.drivers.stack.live import eks, iam, policies
from resources.drivers.stack.live.differences import Found
from resources.drivers.stack.live.resource import LiveResource
from resources.model.change import FieldChange
from resources.model.errors import NotFound

Added: TypeAlias = "tuple[Found, str]"
Look: TypeAlias = Callable[[LiveResource, Collection[str], Context], Iterable[Added]]
_POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy")
# Types of policies, and the property that names what each is for.
_RESOURCE_POLICIES = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SecretsManager::ResourcePolicy": "SecretId",
}


def added_beyond(resource: LiveResource, live: Collection[LiveResource], context: Context) -> Iterator[Added]:
    """What the resource has beyond its template and beyond what other resources of the stack, `live`, bring; nothing of
    one that is gone. Raises AccessDenied, Transient."""
    look = _LOOKS.get(resource.kind)
    if look is None:
        return
    try:
        added = list(look(resource, _brought(live), context))
    except NotFound:
        return  # a difference of its own
    yield from added


def is_looked_at(kind: str) -> bool:
    """Whether resources of this type are looked at beyond their templates."""
    return kind in _LOOKS


def _brought(live: Iterable[LiveResource]) -> set[str]:
    """ARNs and names of policies that the stack attaches to roles, and ids of what it gives a policy."""
    brought: set[str] = set()
    for one in live:
        if one.kind in _POLICIES:
            brought |= {one.physical_id, str(one.declared.get("PolicyName"))}
        elif one.kind in _RESOURCE_POLICIES:
            named = one.declared.get(_RESOURCE_POLICIES[one.kind])
            brought |= {str(each) for each in (named if isinstance(named, list) else [named])}
    return brought


def _of_eks(settings: Mapping[str, Callable[[LiveResource], str]]) -> Look:
    def look(resource: LiveResource, _: Collection[str], context: Context) -> Iterator[Added]:
        # Nodes and Fargate have groups and policies that EKS gives them.
        if resource.declared.get("Type", "STANDARD") != "STANDARD":
            return
        absent = {name: command for name, command in settings.items() if name not in resource.declared}
        live = eks.READERS[resource.kind](resource, context) if absent else {}
        for name, command in absent.items():
            if value := live.get(name):
                yield (FieldChange(name, None, value), "extra"), command(resource)

    return look


def _policy_of(read: Callable[[str, Context], Any], command: str) -> Look:
    def look(resource: LiveResource, brought: Collection[str], context: Context) -> Iterator[Added]:
        if resource.physical_id not in brought and (policy := read(resource.physical_id, context)):
            yield (FieldChange("Policy", None, policy), "extra"), command.format(resource.physical_id)

    return look


def _entry(command: str) -> Callable[[LiveResource], str]:
    def fill(entry: LiveResource) -> str:
        principal, _, cluster = entry.physical_id.partition("|")
        return f"aws eks {command} --cluster-name {cluster} --principal-arn {principal}"

    return fill


def _nodes(group: LiveResource) -> str:
    cluster, _, name = group.physical_id.partition("/")
    return f"take it away with: aws eks update-nodegroup-config --cluster-name {cluster} --nodegroup-name {name}"


def _addon(addon: LiveResource) -> str:
    cluster, _, name = addon.physical_id.partition("|")
    return f"aws eks update-addon --cluster-name {cluster} --addon-name {name} --configuration-values '{{}}'"


_LOOKS: Mapping[str, Look] = {
    iam.ROLE: iam.attached_beyond,
    "AWS::EKS::AccessEntry": _of_eks(
        {
            "AccessPolicies": _entry("disassociate-access-policy --policy-arn ARN"),
            "KubernetesGroups": _entry("update-access-entry --kubernetes-groups"),
        }
    ),
    "AWS::EKS::Addon": _of_eks({"ConfigurationValues": _addon}),
    "AWS::EKS::Nodegroup": _of_eks({"Labels": _nodes, "Taints": _nodes}),
    "AWS::S3::Bucket": _policy_of(policies.bucket_policy, "aws s3api delete-bucket-policy --bucket {}"),
    "AWS::SQS::Queue": _policy_of(
        policies.queue_policy, "aws sqs set-queue-attributes --queue-url {} --attributes Policy="
    ),
    "AWS::SNS::Topic": _policy_of(
        policies.topic_policy, "set the policy that SNS gives a topic: aws sns set-topic-attributes --topic-arn {}"
    ),
}
