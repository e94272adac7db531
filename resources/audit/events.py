"""A call of CloudTrail's, as we read it. Pure.

Source: CloudTrail user guide, "CloudTrail record contents for management, data, and network activity events" and
"CloudTrail userIdentity element".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CLOUDFORMATION = "cloudformation.amazonaws.com"


@dataclass(frozen=True)
class AwsEvent:
    """One call. `source`: the service's host name; `actor`: the ARN of who called, or the service that did; `role` and
    `session`: of a role's session, the role's ARN and the session's name; `invoked_by`: the service that called for
    somebody; `time` in ISO 8601; `resources`: the names that it lists; `names`: those and all texts of its parameters;
    `error`: the code with which it was refused, and `message` AWS's words."""

    identifier: str
    name: str
    source: str
    time: str
    actor: str
    address: str = ""
    role: str = ""
    session: str = ""
    invoked_by: str = ""
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    error: str = ""
    message: str = ""

    @property
    def is_of_cloudformation(self) -> bool:
        """Whether CloudFormation made the call for a stack."""
        return _CLOUDFORMATION in (self.invoked_by, self.address)

    @property
    def words(self) -> str:
        """Who, by which call, from where."""
        origin = f" from {self.address}" if self.address else ""
        return f"{self.actor} ({self.name}{origin})"


def parse_event(event: Mapping[str, Any]) -> AwsEvent:
    """An event of LookupEvents. What the record itself does not say is taken from what stands around it."""
    record = _record(event)
    identity = record.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    arn = str(identity.get("arn") or "")
    resources = frozenset(str(each["ResourceName"]) for each in event.get("Resources", []) if each.get("ResourceName"))
    when = event.get("EventTime")
    return AwsEvent(
        identifier=str(event.get("EventId", "")),
        name=str(event.get("EventName", "")),
        source=str(event.get("EventSource", "")),
        time=str(record.get("eventTime") or (when.isoformat() if when is not None else "")),
        actor=arn or _nameless(identity, event),
        address=str(record.get("sourceIPAddress") or ""),
        role=str(issuer.get("arn") or ""),
        session=arn.split("/", 2)[2] if ":assumed-role/" in arn else "",
        invoked_by=str(identity.get("invokedBy") or ""),
        resources=resources,
        names=frozenset(resources | _texts(record.get("requestParameters"))),
        error=str(record.get("errorCode") or ""),
        message=str(record.get("errorMessage") or ""),
    )


def _record(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        record = json.loads(event.get("CloudTrailEvent") or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _nameless(identity: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Services, and people whom an identity provider vouches for, have no ARN."""
    names = (identity.get("invokedBy"), identity.get("userName"), event.get("Username"), identity.get("principalId"))
    return next((str(name) for name in names if name), "unknown")


def _texts(node: Any) -> set[str]:
    if isinstance(node, dict):
        return {text for value in node.values() for text in _texts(value)}
    if isinstance(node, list):
        return {text for value in node for text in _texts(value)}
    return {node} if isinstance(node, str) and node else set()
