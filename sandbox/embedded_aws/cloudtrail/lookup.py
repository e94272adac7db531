"""LookupEvents: the newest events first, by one attribute at most, 50 a page, twice a second.

Source: CloudTrail API reference, LookupEvents; CloudTrail user guide, "Quotas in AWS CloudTrail" (2 a second for each
account and region).
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import cloudtrail

from .events import Event, Trail

Request = dict[str, Any]
CALLS_A_SECOND = 2
_LARGEST_PAGE = 50
_ATTRIBUTES: dict[str, Callable[[Event], Iterable[str]]] = {
    "AccessKeyId": lambda event: [event.access_key_id],
    "EventId": lambda event: [event.identifier],
    "EventName": lambda event: [event.name],
    "EventSource": lambda event: [event.source],
    # Reads are not kept.
    "ReadOnly": lambda _event: ["false"],
    "ResourceName": lambda event: [name for _, name in event.resources],
    "ResourceType": lambda event: [kind for kind, _ in event.resources],
    "Username": lambda event: [event.username],
}


class Refused(Exception):
    """A request that AWS refuses, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Lookup:
    """Answers LookupEvents from a trail."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._calls: dict[tuple[str, str], list[float]] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Any:
        """The response to one request."""
        try:
            self._throttle()
            return json_response(self._page(request))
        except Refused as refusal:
            return error_response_json(refusal.code, str(refusal), 400)

    def _throttle(self) -> None:
        key, now = (get_account_id(), get_region()), time.monotonic()
        with self._lock:
            recent = [at for at in self._calls.get(key, []) if now - at < 1]
            if len(recent) >= CALLS_A_SECOND:
                raise Refused("ThrottlingException", "Rate exceeded")
            self._calls[key] = [*recent, now]

    def _page(self, request: Request) -> dict[str, Any]:
        size = int(request.get("MaxResults") or _LARGEST_PAGE)
        if not 1 <= size <= _LARGEST_PAGE:
            raise Refused("InvalidMaxResultsException", "A valid maximum number of results is between 1 and 50.")
        events = [event for event in self._trail.newest_first(get_account_id(), get_region()) if _asked(request, event)]
        start = _position(request, events)
        page, rest = events[start : start + size], events[start + size :]
        more = {"NextToken": _token(request, page[-1])} if rest else {}
        return {"Events": [_answer(event) for event in page], **more}


def _asked(request: Request, event: Event) -> bool:
    attributes = request.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise Refused("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
    start, end = request.get("StartTime"), request.get("EndTime")
    if start is not None and end is not None and start > end:
        raise Refused("InvalidTimeRangeException", "The start time must be before the end time.")
    if (start is not None and event.time < float(start)) or (end is not None and event.time > float(end)):
        return False
    for attribute in attributes:
        read = _ATTRIBUTES.get(attribute.get("AttributeKey", ""))
        if read is None:
            raise Refused("InvalidLookupAttributesException", f"{attribute.get('AttributeKey')} is no attribute.")
        if attribute.get("AttributeValue") not in read(event):
            return False
    return True


def _asks_for(request: Request) -> list[Any]:
    return [request.get(name) for name in ("LookupAttributes", "StartTime", "EndTime")]


def _token(request: Request, last: Event) -> str:
    return base64.urlsafe_b64encode(json.dumps([_asks_for(request), last.identifier]).encode()).decode()


def _position(request: Request, events: list[Event]) -> int:
    """Behind the last event of the page before, which stays where it is while newer ones come."""
    token = request.get("NextToken")
    if not token:
        return 0
    try:
        asked, last = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as failure:
        raise Refused("InvalidNextTokenException", "The token is invalid.") from failure
    if asked != _asks_for(request):
        raise Refused("InvalidNextTokenException", "The token belongs to a request with other parameters.")
    return next((index + 1 for index, event in enumerate(events) if event.identifier == last), len(events))


def _answer(event: Event) -> dict[str, Any]:
    return {
        "EventId": event.identifier,
        "EventName": event.name,
        "ReadOnly": "false",
        "AccessKeyId": event.access_key_id,
        "EventTime": event.time,
        "EventSource": event.source,
        "Username": event.username,
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in event.resources],
        "CloudTrailEvent": event.text,
    }


def answer_lookups(trail: Trail) -> None:
    """Answer LookupEvents from this trail."""
    cloudtrail._DISPATCH["LookupEvents"] = Lookup(trail)
