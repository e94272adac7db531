"""Stacks of the environment that failed: why, by CloudFormation's first event and by the calls that AWS denied then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from resources.audit.denied_calls import list_denied_calls
from resources.aws.errors import aws_call
from resources.bootstrap.ownership import own_stacks
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.drivers.stack.status import FAILED_STATES, find_first_failure, refuse_stuck
from resources.model.errors import OperationFailed, PipelineError

_AROUND = dt.timedelta(minutes=2)


@account_check()
def check_stacks(context: Context) -> Iterator[Line]:
    """None of them is left in a failed state."""
    env = context.env
    own = {*own_stacks(env), env.stack_name("bootstrap")}
    with aws_call("listing the stacks that failed"):
        pages = context.aws.client("cloudformation").get_paginator("list_stacks")
        summaries = [s for page in pages.paginate(StackStatusFilter=FAILED_STATES) for s in page["StackSummaries"]]
    failed = [summary for summary in summaries if summary["StackName"] in own]
    for summary in failed:
        name, status = summary["StackName"], summary["StackStatus"]
        cause, when = find_first_failure(context, summary["StackId"], name)
        message = f"stack {name} is {status}: {cause}{_denied_then(context, when)}"
        try:
            refuse_stuck(name, status)
        except OperationFailed as error:
            yield Line.error(message, error.next_step)
        else:
            yield Line.warning(message, f"fix the cause, then: eks-assets deploy {env.name}")
    if not failed:
        yield Line.ok("no stack of the environment is in a failed state")


def _denied_then(context: Context, when: dt.datetime | None) -> str:
    """The calls of CloudFormation and of the pipeline that AWS denied around that time."""
    if when is None:
        return ""
    try:
        denied = list_denied_calls(context, when - _AROUND, when + _AROUND)
    except PipelineError as error:
        return f"; which calls were denied then cannot be read: {error.message}"
    return f"; denied then: {', '.join(denied)}" if denied else ""
