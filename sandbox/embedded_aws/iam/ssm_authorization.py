"""What IAM is asked about when Parameter Store is called: several names, a path, conditions on the request.

MiniStack asks about `*` where a request names several parameters or a path, which a policy that names parameters
neither allows nor denies, and knows none of Parameter Store's condition keys.
Sources: service authorization reference of Systems Manager; user guide, "Preventing access to Parameter Store API
operations", whose examples compare `ssm:Overwrite` and `ssm:Policies` with "true".
"""

import json
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator

_ministack_extract = iam_actions.extract_resource_arn
_ministack_enforce = iam_evaluator.enforce

_NAMED: ContextVar[tuple[str, ...]] = ContextVar("parameters_named_by_this_request", default=())
_CONDITIONS: ContextVar[dict[str, str] | None] = ContextVar("conditions_of_this_request", default=None)


def extract_resource_arn(
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    region: str,
    account: str,
) -> str:
    """The resource of a request; of several parameters the first, and the others are kept for `enforce`."""
    _NAMED.set(())
    _CONDITIONS.set(None)
    arn = str(_ministack_extract(service, method, path, headers, body, query, region, account))
    if service != "ssm":
        return arn
    action, request = iam_actions._action_from_target(headers), _request(body)
    _CONDITIONS.set(condition_keys(action, request))
    if arn != "*":
        # AWS's own parameters belong to no account (user guide, "Discovering public parameters").
        return arn.replace(f":{account}:parameter/aws/service/", "::parameter/aws/service/")
    head = f"arn:aws:ssm:{region}:{account}:"
    if action == "DescribeParameters":
        return f"{head}*"
    names = [request.get("Path")] if action == "GetParametersByPath" else request.get("Names")
    named = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    _NAMED.set(tuple(f"{head}parameter/{name.strip('/')}" for name in named))
    return (_NAMED.get() or (arn,))[0]


def _request(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def condition_keys(action: str | None, request: dict[str, Any]) -> dict[str, str]:
    """Parameter Store's own condition keys of a request, each "true" or "false"."""
    if action == "PutParameter":
        return {"ssm:Overwrite": _flag(request.get("Overwrite")), "ssm:Policies": _flag(request.get("Policies"))}
    if action == "GetParametersByPath":
        return {"ssm:Recursive": _flag(request.get("Recursive"))}
    return {}


def _flag(value: Any) -> str:
    return "true" if value else "false"


def enforce(
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> Any:
    """Refuse the request when any of the resources it names is refused."""
    named, conditions = (_NAMED.get(), _CONDITIONS.get()) if service == "ssm" else ((), None)
    context = {**(service_context or {}), **(conditions or {})}
    for arn in named or (resource_arn,):
        denied = _ministack_enforce(access_key_id, iam_action, service, region, arn, context)
        if denied:
            return denied
    return None


def install() -> None:
    """Put both in front of MiniStack's; it looks them up at each request."""
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_evaluator.enforce = enforce
