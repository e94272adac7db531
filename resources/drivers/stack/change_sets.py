"""Change sets of a stack: made, described, dropped; and what a killed run left of them.

Source: CloudFormation API, CreateChangeSet; CloudFormation quotas ("Template body size"); CloudFormation user guide,
"Using drift-aware change sets".
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from resources.aws.dagster_clients import s3_client
from resources.aws.errors import aws_call, error_code
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.drivers.stack.fields import template_body, template_digest
from resources.drivers.stack.operations import Step, retained_resources
from resources.drivers.stack.status import describe_stack
from resources.drivers.stack.validation import list_findings
from resources.model.errors import NotFound, OperationFailed, PipelineError, Refused
from resources.model.outputs import plain_document
from resources.model.specs import Stack
from resources.support.polling import Poll, wait_until

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import (
        CreateChangeSetInputTypeDef,
        DescribeChangeSetInputTypeDef,
        DescribeChangeSetOutputTypeDef,
    )

CAPABILITIES: list[CapabilityType] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
PREFIX = "eks-assets-"
LONGEST_INLINE = 51_200  # bytes
LONGEST_TEMPLATE = 1_000_000  # bytes, in S3
_LATE = 10.0  # seconds until a change set that was made is there for all
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_UNDER_WAY = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE")
# By somebody who plans meanwhile; CloudFormation does not delete these.
_BEING_MADE = ("CREATE_PENDING", "CREATE_IN_PROGRESS")


def is_inline(spec: Stack[Any]) -> bool:
    """Whether the template is short enough to be sent as it is; a longer one goes through the ledger's bucket."""
    return len(template_body(spec).encode()) <= LONGEST_INLINE


def refuse_long_template(spec: Stack[Any]) -> None:
    """Raises Refused for a template that CloudFormation takes in no way."""
    if (size := len(template_body(spec).encode())) > LONGEST_TEMPLATE:
        raise Refused(
            f"the template of stack {spec.name} has {size:,} bytes; CloudFormation takes at most "
            f"{LONGEST_TEMPLATE:,} bytes",
            next_step="split the unit into two, or repeat less in its template",
        )


def make_change_set(step: Step, context: Context) -> DescribeChangeSetOutputTypeDef | None:
    """A change set that can be executed, described with all its changes; None where nothing would change.

    One that fails is dropped, with the shell of a stack that it made. Raises OperationFailed with CloudFormation's
    reason, NotFound where a long template has no ledger to lie in."""
    spec = step.spec
    name = PREFIX + hashlib.sha256(f"{template_digest(spec)}{time.time_ns()}".encode()).hexdigest()[:16]
    with aws_call(f"making a change set for stack {spec.name}"):
        context.aws.client("cloudformation").create_change_set(**_request(step, context, name))
    try:
        described = _described(spec, context, name)
    except BaseException:
        # One that is still being made can't be deleted; a later deploy does, and what happened here matters more.
        with suppress(PipelineError):
            drop_change_set(step, context, name)
        raise
    if described is None:
        drop_change_set(step, context, name)
    return described


def _request(step: Step, context: Context, name: str) -> CreateChangeSetInputTypeDef:
    spec = step.spec
    request: CreateChangeSetInputTypeDef = {
        "StackName": spec.name,
        "ChangeSetName": name,
        "ChangeSetType": step.kind,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in plain_document(spec.parameters).items()],
        "Capabilities": CAPABILITIES,
    }
    if is_inline(spec):
        request["TemplateBody"] = template_body(spec)
    else:
        request["TemplateURL"] = _uploaded(spec, context)
    if step.kind != "IMPORT":
        request["Tags"] = [{"Key": k, "Value": v} for k, v in spec.tags.items()]
        if retained_resources(spec):
            request["ImportExistingResources"] = True
    if step.reverts_drift:
        request["DeploymentMode"] = "REVERT_DRIFT"
    if step.kind == "CREATE":
        request["OnStackFailure"] = spec.on_failure
    if step.imports:
        resources = plain_document(spec.template)["Resources"]
        request["ResourcesToImport"] = [
            {
                "ResourceType": resources[logical_id]["Type"],
                "LogicalResourceId": logical_id,
                "ResourceIdentifier": {"Id": one},
            }
            for logical_id, one in step.imports.items()
        ]
    if role := context.env.roles.cloudformation:
        request["RoleARN"] = role
    return request


def _uploaded(spec: Stack[Any], context: Context) -> str:
    """The address of the template in the ledger's bucket, under its digest, so that it is written once. Raises Refused
    where something else is under that name."""
    refuse_long_template(spec)
    body = template_body(spec).encode()
    bucket, key = ledger_bucket(context.env), f"templates/{template_digest(spec)}.json"
    client = s3_client(context.aws)
    try:
        with aws_call(f"writing the template of stack {spec.name} to the ledger {bucket}"):
            try:
                client.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=body,
                    IfNoneMatch="*",
                    ContentType="application/json",
                )
            except ClientError as error:
                if error_code(error) != "PreconditionFailed":
                    raise
                # A name proves nothing: whoever may write to the ledger may have been there first.
                if client.get_object(Bucket=bucket, Key=key)["Body"].read(len(body) + 1) != body:
                    raise Refused(
                        f"{key} in the ledger {bucket} is not the template of stack {spec.name}, which has that name",
                        next_step="find out who wrote it; an administrator deletes it, then deploy again",
                    ) from None
    except NotFound as error:
        raise NotFound(
            f"the template of stack {spec.name} is too long to be sent as it is, and the ledger bucket {bucket} that "
            "would hold it does not exist",
            next_step=f"eks-assets bootstrap {context.env.name} --apply",
        ) from error
    return f"{client.meta.endpoint_url}/{bucket}/{key}"


def _described(spec: Stack[Any], context: Context, name: str) -> DescribeChangeSetOutputTypeDef | None:
    client = context.aws.client("cloudformation")

    def describe(next_token: str = "") -> DescribeChangeSetOutputTypeDef:
        request: DescribeChangeSetInputTypeDef = {"StackName": spec.name, "ChangeSetName": name}
        if next_token:
            request["NextToken"] = next_token
        with aws_call(f"describing the change set of stack {spec.name}"):
            return client.describe_change_set(**request)

    began = time.monotonic()

    def poll() -> Poll[DescribeChangeSetOutputTypeDef]:
        try:
            change_set = describe()
        except NotFound:
            # Another run that executes one deletes all others; else it is not seen yet.
            if time.monotonic() - began > _LATE:
                raise
            return Poll(None, "AWS does not show it yet")
        status = change_set["Status"]
        return Poll(change_set if status in ("CREATE_COMPLETE", "FAILED") else None, status)

    first = page = wait_until(poll, what=f"change set of stack {spec.name}", deadline=300, interval=2)
    while token := page.get("NextToken"):
        page = describe(token)
        first["Changes"] += page["Changes"]
    if first["Status"] == "CREATE_COMPLETE":
        return first
    reason = first.get("StatusReason", "no reason given")
    if any(phrase in reason for phrase in _NO_CHANGES):
        return None
    found = "".join(f"; {finding}" for finding in list_findings(context, first["ChangeSetId"], spec.name))
    raise OperationFailed(f"the change set of stack {spec.name} failed: {reason}{found}")


def drop_change_set(step: Step, context: Context, name: str) -> None:
    """Delete a change set; one of a new stack together with the shell of a stack that it made."""
    client, stack = context.aws.client("cloudformation"), step.spec.name
    with aws_call(f"deleting the change set of stack {stack}"):
        client.delete_change_set(StackName=stack, ChangeSetName=name)
        shell = None if step.kind == "UPDATE" else describe_stack(context, stack)
        # Another run may have made a stack of it in the meantime.
        if shell is not None and shell["StackStatus"] == "REVIEW_IN_PROGRESS":
            client.delete_stack(StackName=stack)


def drop_abandoned(context: Context, stack: str) -> None:
    """Delete the change sets of ours that a killed run left: made, or failed, and never executed."""
    client = context.aws.client("cloudformation")
    with aws_call(f"looking for change sets that were left on stack {stack}"):
        pages = client.get_paginator("list_change_sets").paginate(StackName=stack)
        left = [
            change_set["ChangeSetName"]
            for page in pages
            for change_set in page["Summaries"]
            if change_set["ChangeSetName"].startswith(PREFIX)
            and change_set["ExecutionStatus"] not in _UNDER_WAY
            and change_set["Status"] not in _BEING_MADE
        ]
    for name in left:
        context.before_change()
        context.progress(f"stack {stack}: deleting the change set {name}, which an earlier run left")
        with aws_call(f"deleting the change set {name} of stack {stack}"):
            client.delete_change_set(StackName=stack, ChangeSetName=name)
