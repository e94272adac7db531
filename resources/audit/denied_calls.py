"""The calls of CloudFormation and of the pipeline that AWS denied, as CloudTrail has them some minutes later."""

from __future__ import annotations

import datetime as dt

from resources.audit.cloudtrail import CloudTrail, global_region, is_pipeline_session
from resources.context import Context

# As services spell it: EC2 UnauthorizedOperation, SNS AuthorizationError, most others AccessDenied(Exception).
_DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
_LOOK_UPS = 6  # half a second each


def list_denied_calls(context: Context, first: dt.datetime, last: dt.datetime) -> tuple[str, ...]:
    """Those between two times, each once: the action, who called it, and what AWS said. Raises AccessDenied,
    Transient."""
    trail = CloudTrail(context, calls=_LOOK_UPS)
    denied: dict[str, str] = {}
    for region in dict.fromkeys((context.env.region, global_region(context.env))):
        for event in trail.list_changes(region, first.timestamp(), last.timestamp()):
            is_ours = event.is_of_cloudformation or is_pipeline_session(event, context.env)
            if is_ours and event.error.removeprefix("Client.") in _DENIED:
                call = f"{event.source.partition('.')[0]}:{event.name} of {event.actor}"
                denied.setdefault(call, f"{call} ({event.message})" if event.message else call)
    return tuple(denied.values())
