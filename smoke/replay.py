"""Replays a transcript against another AWS, and lists what it answers otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from resources.aws.transcript import BYTES, SECRET, sanitise_values
from smoke.comparison import Bindings, differences, skeleton
from smoke.transcript import Call, without_polls

# Makes the client of a service.
Clients = Callable[[str], Any]
_SETTLE_SECONDS, _POLL_SECONDS = 20.0, 0.2


def replay(calls: Iterable[Call], clients: Clients, settle_seconds: float = _SETTLE_SECONDS) -> list[str]:
    """A line for each difference, in the order of the transcript. What is read is read again until it is as it was,
    for so many seconds at most; what was under way when it was read, and secrets, are not compared."""
    bindings, found = Bindings(), list[str]()
    for call in without_polls(calls):
        if {SECRET, BYTES} & set(_leaves(call.request)):
            continue
        deadline = time.monotonic() + (settle_seconds if call.is_read else 0)
        while lines := _differences(call, clients, bindings):
            if time.monotonic() >= deadline:
                found += [f"{call.title}: {line}" for line in lines]
                break
            time.sleep(_POLL_SECONDS)
    return found


def _differences(call: Call, clients: Clients, bindings: Bindings) -> list[str]:
    try:
        operation = getattr(clients(call.service), xform_name(call.operation))
        live = operation(**bindings.translate(call.request))
    except ClientError as error:
        return _of_errors(call, sanitise_values(error.response["Error"]))
    if call.error:
        return [f"recorded the error {call.error['Code']}, answered none"]
    if not call.is_settled:
        return []
    live.pop("ResponseMetadata", None)
    return list(differences(call.response, sanitise_values(live), bindings))


def _of_errors(call: Call, live: Any) -> list[str]:
    if not call.error:
        return [f"answered the error {live.get('Code')}: {live.get('Message')}, recorded none"]
    return [
        f"error {member}: recorded {call.error[member]}, answered {live.get(member)}"
        for member in ("Code", "Message")
        if skeleton(str(call.error[member])) != skeleton(str(live.get(member)))
    ]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in _leaves(member)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value] if isinstance(value, str) else []
