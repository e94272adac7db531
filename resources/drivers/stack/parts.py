"""What a live stack has, and what stacks of its name have left: data that outlived them, known by its tags.

Source: CloudFormation user guide, "Resource tags" (`aws:cloudformation:stack-name`); Route 53 API reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.cloudformation import ENVIRONMENT_TAG
from resources.context import Context
from resources.drivers.stack.status import describe_stack
from resources.leftovers.data import DATA, is_there
from resources.model.specs import Stack

_RETAINING = ("Retain", "RetainExceptOnCreate")
_ZONE = "AWS::Route53::HostedZone"
# Service and beginning of the name in an ARN, of each type of data that a stack can make.
_ARNS = (
    ("elasticfilesystem", "file-system/", "AWS::EFS::FileSystem"),
    ("s3", "", "AWS::S3::Bucket"),
    ("kms", "key/", "AWS::KMS::Key"),
    ("logs", "log-group:", "AWS::Logs::LogGroup"),
    ("secretsmanager", "secret:", "AWS::SecretsManager::Secret"),
)


@dataclass(frozen=True)
class Part:
    """A resource of a live stack. `retained`: whether its template lets it outlive the stack."""

    logical_id: str
    kind: str
    physical_id: str
    retained: bool

    @property
    def is_data(self) -> bool:
        return self.kind in DATA

    def __str__(self) -> str:
        return f"{self.kind} {self.physical_id}"


def list_parts(name: str, context: Context) -> list[Part]:
    """The resources that the live stack has; empty where there is none, or only the shell of a change set."""
    stack = describe_stack(context, name)
    if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        return []
    definitions = live_template(name, context).get("Resources", {})
    client = context.aws.client("cloudformation")
    with aws_call(f"listing the resources of stack {name}"):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
        summaries = [one for page in pages for one in page["StackResourceSummaries"]]
    return [
        Part(
            one["LogicalResourceId"],
            one["ResourceType"],
            one["PhysicalResourceId"],
            definitions.get(one["LogicalResourceId"], {}).get("DeletionPolicy") in _RETAINING,
        )
        for one in summaries
        if one.get("PhysicalResourceId") and one["ResourceStatus"] not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    ]


def live_template(name: str, context: Context) -> dict[str, Any]:
    with aws_call(f"reading the template of stack {name}"):
        body: Any = context.aws.client("cloudformation").get_template(StackName=name)["TemplateBody"]
    template: dict[str, Any] = json.loads(body if isinstance(body, str) else json.dumps(body))
    return template


def list_kept(spec: Stack[Any], parts: list[Part], context: Context) -> list[tuple[str, str]]:
    """The data, by type and physical id, that an earlier stack of this name has left: by its tags."""
    known = {part.physical_id for part in parts}
    found = [*_tagged(spec, context), *((_ZONE, identifier) for _, identifier in list_zones(spec, context))]
    return [one for one in dict.fromkeys(found) if one[1] not in known and is_there(*one, context)]


def _tagged(spec: Stack[Any], context: Context) -> Iterator[tuple[str, str]]:
    client: Any = context.aws.client  # of the tagging API it knows no types
    filters = [{"Key": "aws:cloudformation:stack-name", "Values": [spec.name]}]
    with aws_call(f"looking for what stack {spec.name} has left"):
        pages = client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters)
        arns = [one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]]
    for arn in arns:
        _, _, service, _, _, name = arn.split(":", 5)
        for of, begin, kind in _ARNS:
            if service == of and name.startswith(begin):
                yield kind, arn if kind.endswith("::Secret") else name.removeprefix(begin).removesuffix(":*")


def list_zones(spec: Stack[Any], context: Context) -> Iterator[tuple[str, str]]:
    """Logical id and id of the zones that exist of those that the stack's template would make, with the environment's
    tag. Route 53 is asked itself: where it is listed by tag depends on the region."""
    client: Any = context.aws.client("route53")
    for logical_id, resource in spec.template.get("Resources", {}).items():
        name = resource.get("Properties", {}).get("Name")
        if resource.get("Type") != _ZONE or not isinstance(name, str):
            continue
        with aws_call(f"looking for the hosted zone {name}"):
            zones = client.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
            for zone in (zone for zone in zones if zone["Name"].rstrip(".") == name.rstrip(".")):
                identifier = zone["Id"].rpartition("/")[2]
                answer = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=identifier)
                tags = {tag["Key"]: tag["Value"] for tag in answer["ResourceTagSet"]["Tags"]}
                if tags.get(ENVIRONMENT_TAG) == context.env.name:
                    yield logical_id, identifier
