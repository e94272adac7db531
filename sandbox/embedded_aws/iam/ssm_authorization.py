"""Which resources IAM is asked about when Parameter Store is called with several names, or with none.

MiniStack asks about `*`, which a policy that names parameters neither allows nor denies.
"""

import json
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator

_ministack_extract = iam_actions.extract_resource_arn
_ministack_enforce = iam_evaluator.enforce

_NAMED: ContextVar[tuple[str, ...]] = ContextVar("parameters_named_by_this_request", default=())


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
    arn = str(_ministack_extract(service, method, path, headers, body, query, region, account))
    if service != "ssm" or arn != "*":
        return arn
    head = f"arn:aws:ssm:{region}:{account}:"
    if iam_actions._action_from_target(headers) == "DescribeParameters":
        return f"{head}*"
    _NAMED.set(tuple(f"{head}parameter/{name.lstrip('/')}" for name in _names(body)))
    return (_NAMED.get() or (arn,))[0]


def _names(body: bytes) -> list[str]:
    try:
        names = json.loads(body or b"{}").get("Names")
    except (ValueError, AttributeError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def enforce(
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> Any:
    """Refuse the request when any of the resources it names is refused."""
    named = _NAMED.get() if service == "ssm" else ()
    for arn in named or (resource_arn,):
        denied = _ministack_enforce(access_key_id, iam_action, service, region, arn, service_context)
        if denied:
            return denied
    return None


def install() -> None:
    """Put both in front of MiniStack's; it looks them up at each request."""
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_evaluator.enforce = enforce
