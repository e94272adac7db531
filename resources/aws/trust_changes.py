"""Changes of roles' trust policies, as CloudTrail has seen them.

It shows an event some minutes late, keeps it for 90 days, and answers twice a second for each account and region; IAM
writes where its one end point is. Source: CloudTrail API reference, LookupEvents.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.aws.session import Aws

_CALLS = ("CreateRole", "UpdateAssumeRolePolicy")
_GLOBAL_REGIONS = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}


@dataclass(frozen=True)
class TrustChange:
    """A call that set a role's trust policy. `actor`: the ARN of who called, or what AWS calls them; `time`: in whole
    seconds."""

    role: str
    time: dt.datetime
    actor: str
    call: str

    def __str__(self) -> str:
        return f"{self.call} by {self.actor} at {self.time.astimezone(dt.UTC):%Y-%m-%d %H:%M:%SZ}"


def global_region(partition: str) -> str:
    """Where services without regions write their events."""
    return _GLOBAL_REGIONS.get(partition, "us-east-1")


def list_trust_changes(aws: Aws, since: dt.datetime) -> tuple[TrustChange, ...]:
    """Those of all roles of the account since then that succeeded. Raises AccessDenied, Transient."""
    region = global_region(aws.env.partition)
    changes: list[TrustChange] = []
    for call in _CALLS:
        by_name: Any = [{"AttributeKey": "EventName", "AttributeValue": call}]
        more: dict[str, Any] = {}
        while True:
            with aws_call(f"looking up {call} in CloudTrail, in {region}"):
                client = aws.clients_in(region)("cloudtrail")
                page = client.lookup_events(StartTime=since, LookupAttributes=by_name, **more)
            changes += [change for event in page["Events"] if (change := _change(call, event))]
            if not page.get("NextToken"):
                break
            more = {"NextToken": page["NextToken"]}
    return tuple(sorted(changes, key=lambda change: change.time))


def _change(call: str, event: Any) -> TrustChange | None:
    try:
        record = json.loads(event.get("CloudTrailEvent") or "{}")
        role = str(record["requestParameters"]["roleName"])
    except (ValueError, KeyError, TypeError):
        # Without its parameters, as where CloudFormation made the call, it lists the role.
        resources = event.get("Resources") or ()
        role = next((str(r["ResourceName"]) for r in resources if r.get("ResourceType") == "AWS::IAM::Role"), "")
        record = {}
    if not role or record.get("errorCode"):
        return None
    actor = (record.get("userIdentity") or {}).get("arn") or event.get("Username") or "somebody"
    return TrustChange(role.rpartition("/")[2], event["EventTime"], str(actor), call)
