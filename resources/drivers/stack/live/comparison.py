"""Resources that CloudFormation does not compare, and what somebody added to any beyond its template."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.comparison import LAYER, Comparison, Difference
from resources.drivers.stack.known_writers import known_writer
from resources.drivers.stack.live import eks, iam, infrastructure, policies
from resources.drivers.stack.live.beyond import added_beyond, is_looked_at
from resources.drivers.stack.live.declared import UNKNOWN, declared_properties
from resources.drivers.stack.live.differences import Found, declared_differences
from resources.drivers.stack.live.resource import LiveResource, Reader, Untold
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, AwsResource, Finding, Unchecked
from resources.model.errors import AccessDenied, NotFound

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef, StackTypeDef

READERS: Mapping[str, Reader] = {**eks.READERS, **iam.READERS, **infrastructure.READERS, **policies.READERS}
BY_HAND = "it compares no resource of this type: put it back by hand"


def compare_live(
    stack: StackTypeDef,
    summaries: Iterable[StackResourceSummaryTypeDef],
    left_out: Mapping[str, str],
    context: Context,
) -> Comparison:
    """The resources that CloudFormation `left_out` (logical id -> why) as far as there is a reader of their type; the
    others are unchecked. Of all of them, what somebody added beyond the template. Raises Transient."""
    resources = [r for r in summaries if r.get("PhysicalResourceId")]
    if not any(r["LogicalResourceId"] in left_out or is_looked_at(r["ResourceType"]) for r in resources):
        return Comparison()
    live = list(live_resources(stack, resources, context))
    differences, unchecked = list[Difference](), list[Unchecked]()
    for resource in live:
        try:
            differences += _compared(resource, live, left_out, context)
        except AccessDenied as error:
            unchecked.append(Unchecked(resource.title, error.message))
            continue
        except Untold as error:
            unchecked.append(Unchecked(resource.title, str(error)))
            continue
        if resource.logical_id in left_out and resource.kind not in READERS:
            unchecked.append(Unchecked(resource.title, left_out[resource.logical_id]))
    return Comparison(tuple(differences), tuple(unchecked))


def _compared(
    resource: LiveResource, live: Collection[LiveResource], left_out: Mapping[str, str], context: Context
) -> Iterator[Difference]:
    if resource.logical_id in left_out and (reader := READERS.get(resource.kind)):
        for difference in _read_differences(resource, reader, context):
            yield _difference(resource, difference, BY_HAND)
    for added, command in added_beyond(resource, live, context):
        yield _difference(resource, added, command)


def _read_differences(resource: LiveResource, reader: Reader, context: Context) -> list[Found]:
    try:
        live = reader(resource, context)
        # What a reader does not tell at all, no call tells.
        told = {name: value for name, value in resource.declared.items() if name in live}
        return list(declared_differences(told, live))
    except NotFound:
        return [(FieldChange("", EXISTS, None), "missing")]


def _difference(resource: LiveResource, difference: Found, by_hand: str) -> Difference:
    field, kind = difference
    of = AwsResource(resource.kind, resource.physical_id)
    finding = Finding(LAYER, resource.title, field, kind, resource=of)
    writer = known_writer(resource.kind, finding, resource.declared)
    return Difference(resource.logical_id, resource.kind, finding, writer, by_hand)


def live_resources(
    stack: StackTypeDef, summaries: Iterable[StackResourceSummaryTypeDef], context: Context
) -> Iterator[LiveResource]:
    """The resources with what their live template declares. One that nobody can tell from it is left as UNKNOWN."""
    name, env = stack["StackName"], context.env
    with aws_call(f"reading the template of stack {name}"):
        body = context.aws.client("cloudformation").get_template(StackName=name)["TemplateBody"]
    template: Any = json.loads(body) if isinstance(body, str) else body
    known: dict[str, Any] = {
        "AWS::AccountId": env.account,
        "AWS::Partition": env.partition,
        "AWS::Region": env.region,
        "AWS::StackName": name,
        "AWS::StackId": stack["StackId"],
        **{p["ParameterKey"]: p.get("ResolvedValue", p["ParameterValue"]) for p in stack.get("Parameters", [])},
    }
    for parameter, definition in template.get("Parameters", {}).items():
        if "List" in definition.get("Type", "") and isinstance(known.get(parameter), str):
            known[parameter] = known[parameter].split(",")
        if str(definition.get("NoEcho", "")).lower() == "true":
            known[parameter] = UNKNOWN
    listed = list(summaries)
    for one in listed:
        known[one["LogicalResourceId"]] = one["PhysicalResourceId"]
        definition = template.get("Resources", {}).get(one["LogicalResourceId"], {})
        if one["ResourceType"] == iam.ROLE and "Path" not in definition.get("Properties", {}):
            arn = f"arn:{env.partition}:iam::{env.account}:role/{one['PhysicalResourceId']}"
            known[f"{one['LogicalResourceId']}.Arn"] = arn
    for one in listed:
        properties = template.get("Resources", {}).get(one["LogicalResourceId"], {}).get("Properties", {})
        declared = declared_properties(properties, known)
        yield LiveResource(one["LogicalResourceId"], one["ResourceType"], one["PhysicalResourceId"], declared)
