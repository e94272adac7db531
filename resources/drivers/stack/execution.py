"""One step of a stack's change, carried out: its change set made, checked, executed and followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.stack.change_sets import drop_change_set, make_change_set
from resources.drivers.stack.operations import Step
from resources.drivers.stack.preview import refuse_replacements
from resources.drivers.stack.status import EventStream
from resources.drivers.stack.validation import list_findings
from resources.drivers.stack.version_rollback import refuse_cluster_change
from resources.model.errors import OperationFailed

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import DescribeChangeSetOutputTypeDef, ExecuteChangeSetInputTypeDef


def run_step(step: Step, context: Context) -> None:
    """Carry out the step; nothing where it would change nothing. Raises Refused for a replacement that the spec does
    not allow, OperationFailed, WaitTimeout, Transient."""
    context.before_change()
    change_set = make_change_set(step, context)
    if change_set is None:
        return
    for warning in list_findings(context, change_set["ChangeSetId"], step.spec.name):
        context.progress(f"warning of CloudFormation: {warning}")
    try:
        refuse_replacements(step.spec, change_set)
        if step.leaves_cluster:
            refuse_cluster_change(change_set, step.spec.name)
        context.before_change()
    except BaseException:
        drop_change_set(step, context, change_set["ChangeSetName"])
        raise
    _execute(step, context, change_set)


def _execute(step: Step, context: Context, change_set: DescribeChangeSetOutputTypeDef) -> None:
    spec, stack_id = step.spec, change_set["StackId"]
    request: ExecuteChangeSetInputTypeDef = {
        "StackName": spec.name,
        "ChangeSetName": change_set["ChangeSetName"],
    }
    if step.keeps_failure:
        request["DisableRollback"] = True
    events = EventStream(context, stack_id, spec.name)
    events.skip_old()
    with aws_call(f"executing the change set of stack {spec.name}"):
        context.aws.client("cloudformation").execute_change_set(**request)
    status = events.follow(spec.timeout)
    if status != f"{step.kind}_COMPLETE":
        raise OperationFailed(
            f"stack {spec.name} ended in {status}: {events.first_failure()}",
            next_step=f"fix the cause and deploy again: eks-assets deploy {context.env.name}",
        )
