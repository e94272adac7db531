"""Parameter Store names the writer of each version, and a stack writes with the rights of whom it acts for.

MiniStack says that the account's root wrote everything, and CloudFormation's resource handlers ask for no permission.
"""

import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import ssm
from ministack.services.cloudformation import provisioners

from ..cloudformation.resource_handlers import Create, Created, Properties, refuse, wrap_create
from ..cloudformation.service_role import service_role_of
from .ssm_authorization import condition_keys

Response = tuple[int, dict[str, str], bytes]

_ministack_put_parameter = ssm._put_parameter
_ministack_describe_parameters = ssm._describe_parameters


def put_parameter(data: dict[str, Any]) -> Response:
    """PutParameter, which remembers the caller's ARN on the parameter and on its new version."""
    response: Response = _ministack_put_parameter(data)
    if response[0] < 400:
        writer = iam_evaluator.caller_arn()
        ssm._parameters[data["Name"]]["LastModifiedUser"] = writer
        ssm._parameter_history[data["Name"]][-1]["LastModifiedUser"] = writer
    return response


def describe_parameters(data: dict[str, Any]) -> Response:
    """DescribeParameters with each parameter's own writer."""
    response: Response = _ministack_describe_parameters(data)
    if response[0] >= 400:
        return response
    content = json.loads(response[2])
    for described in content["Parameters"]:
        stored = ssm._parameters[described["Name"]]
        described["LastModifiedUser"] = stored.get("LastModifiedUser", described["LastModifiedUser"])
    changed: Response = json_response(content)
    return changed


def acting_for(stack: str) -> str:
    """The ARN that a stack's resources are made as: its service role's session, or else the caller's."""
    role = service_role_of(stack)
    if not role:
        return str(iam_evaluator.caller_arn())
    return f"arn:aws:sts::{role.split(':')[4]}:assumed-role/{role.rsplit('/', 1)[-1]}/AWSCloudFormation"


def _require_permission(writer: str, name: str, request: Properties) -> None:
    """Raises ResourceFailure unless the writer's own policies allow it to put the parameter with this request."""
    if writer.endswith(":root"):
        return
    account = get_account_id()
    if ":assumed-role/" in writer:
        kind, policies = "AssumedRole", iam_evaluator._gather_role_policies(writer.split("/")[1], account)
    else:
        kind, policies = "User", iam_evaluator._gather_user_policies(writer.rsplit("/", 1)[-1], account)
    arn = ssm._param_arn(name)
    context = iam_evaluator.EvalContext(writer, kind, account, "ssm:PutParameter", arn, get_region())
    context.service_context = {key.lower(): value for key, value in condition_keys("PutParameter", request).items()}
    if iam_evaluator.evaluate(context, policies).decision != "Allow":
        raise refuse(f"User: {writer} is not authorized to perform: ssm:PutParameter on resource: {arn}", "Ssm")


def _create_in_stack(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    writer = acting_for(stack)
    _require_permission(writer, str(props.get("Name") or f"/{stack}/{logical_id}"), props)
    pinned = iam_evaluator._request_caller_arn.set(writer)
    try:
        return create(logical_id, props, stack)
    finally:
        iam_evaluator._request_caller_arn.reset(pinned)


def _update_in_stack(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    writer = acting_for(stack)
    name = str(new.get("Name") or physical_id)
    _require_permission(writer, name, {**new, "Overwrite": name == physical_id})
    pinned = iam_evaluator._request_caller_arn.set(writer)
    try:
        updated: Created = provisioners._ssm_update(physical_id, old, new, stack, logical_id)
        return updated
    finally:
        iam_evaluator._request_caller_arn.reset(pinned)


def install() -> None:
    """Name writers, in Parameter Store's own API and in AWS::SSM::Parameter."""
    ssm._put_parameter = put_parameter
    ssm._describe_parameters = describe_parameters
    wrap_create("AWS::SSM::Parameter", _create_in_stack)
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SSM::Parameter"]
    handlers.update(update=_update_in_stack, update_with_logical_id=True)
