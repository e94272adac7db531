"""Calls that are turned away: throttled, or answered by a server that has no time. The caller tries again.

Source: AWS SDKs and Tools reference guide, "Retry behavior"; S3 API, error responses (SlowDown).
"""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import ministack.app as application
from ministack.core.iam_actions import access_denied_response, extract_iam_action
from ministack.core.router import detect_service

from .switches import switches

_CALLS = itertools.count(1)
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
Dispatch = Callable[..., Awaitable[Any]]


def _turning_away(dispatch: Dispatch) -> Dispatch:
    async def turn_away(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        call = (method, path, headers, body, query, request_id)
        day = switches()
        if not (day.throttled or day.failing) or path.startswith("/_ministack/"):
            return await dispatch(*call)
        number = next(_CALLS)
        if _is_turn(number, day.failing):
            # An empty answer, which each protocol reads as its status.
            return 503, {"Content-Type": "text/plain"}, b""
        if _is_turn(number + 1, day.throttled):
            routing = application._routing_params(method, path, headers, body, query)
            service = detect_service(method, path, headers, routing)
            if service == "s3":
                # Its own way, which an answer to HEAD tells by the status alone.
                return 503, {"Content-Type": "application/xml"}, _SLOW_DOWN
            action = extract_iam_action(service, method, path, headers, body, routing) or ""
            code = {"error_code": "ThrottlingException", "message": "Rate exceeded"}
            return access_denied_response(service, action, "", request_id, headers=headers, **code)
        return await dispatch(*call)

    return turn_away


def _is_turn(number: int, share: float) -> bool:
    return bool(share) and number % max(2, round(1 / share)) == 0


def install() -> None:
    """Stand in front of everything, what records calls included: CloudTrail has no throttled calls."""
    application._dispatch_service_request = _turning_away(application._dispatch_service_request)
