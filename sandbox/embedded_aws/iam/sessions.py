"""Who a session says it is: policy variables in conditions, and the session names that STS accepts.

A trust policy that says `"StringEquals": {"sts:RoleSessionName": "${aws:username}"}` fixes the session name; MiniStack
would compare it with the text `${aws:username}`.
"""

import re
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import sts

_VARIABLE = re.compile(r"\$\{(\w+:[\w/:.-]+)(?:\s*,\s*'([^']*)')?\}")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_UNKNOWN = "\0"  # equals no value that a request can have

_ministack_conditions_met = iam_evaluator._conditions_met
_ministack_assumed_role_arn = sts._assumed_role_arn


def conditions_met(conditions: dict[str, Any], context: iam_evaluator.EvalContext) -> bool:
    """Whether a request meets conditions, whose variables are the request's own values."""
    return bool(_ministack_conditions_met(_filled(conditions, context), context))


def _filled(value: Any, context: iam_evaluator.EvalContext) -> Any:
    if isinstance(value, dict):
        return {key: _filled(member, context) for key, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, context) for member in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    return _VARIABLE.sub(lambda match: _value(match[1], match[2], context), value)


def _value(key: str, default: str | None, context: iam_evaluator.EvalContext) -> str:
    found = iam_evaluator._resolve_condition_key(key, context)
    if found is None or isinstance(found, list):
        return _UNKNOWN if default is None else default
    return str(found)


def assumed_role_arn(role_arn: str, session_name: str) -> Any:
    """The session's ARN, or the error with which STS refuses a session name that no ARN could hold."""
    if not _SESSION_NAME.fullmatch(session_name or ""):
        message = (
            f"1 validation error detected: Value '{sts.escape(session_name or '')}' at 'roleSessionName' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )
        return None, sts._error(400, "ValidationError", message, ns="sts")
    return _ministack_assumed_role_arn(role_arn, session_name)


def install() -> None:
    """Replace MiniStack's evaluation of conditions and its making of session ARNs."""
    iam_evaluator._conditions_met = conditions_met
    sts._assumed_role_arn = assumed_role_arn
