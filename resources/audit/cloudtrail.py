"""CloudTrail's LookupEvents: who called what in the account.

It keeps the management events of 90 days, shows them some minutes late and answers twice a second for each account and
region. Services without regions, as IAM, write where their one end point is. Source: CloudTrail API reference,
LookupEvents; CloudTrail user guide, "Quotas in AWS CloudTrail" and "Viewing recent management events".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from resources.audit.events import AwsEvent, parse_event
from resources.aws import trust_changes
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.config.names import SESSION_PREFIX
from resources.context import Context
from resources.model.drift import AwsResource

_INTERVAL = 0.5
_GLOBAL_SERVICES = frozenset({"cloudfront", "iam", "organizations", "route53"})
# Where the event source is not the service's name in CloudFormation, in small letters.
_SOURCES = {
    "certificatemanager": "acm",
    "efs": "elasticfilesystem",
    "elasticloadbalancingv2": "elasticloadbalancing",
}


def global_region(env: Environment) -> str:
    """Where services without regions write their events."""
    return trust_changes.global_region(env.partition)


class CloudTrail:
    """The account's events, as its environment reads them. `calls`: how many lookups there may be, None as many as it
    takes; `ends`: the reading of the monotonic clock at which no further one is begun; `is_spent`: whether a lookup was
    left undone for one of the two."""

    def __init__(self, context: Context, calls: int | None = None, ends: float | None = None) -> None:
        self._context, self._left, self._ends = context, calls, ends
        self.is_spent = False
        self._lock = threading.Lock()
        self._next = 0.0
        self._of_sources: dict[tuple[str, str], list[AwsEvent]] = {}

    def list_changes(self, region: str, since: float, until: float | None = None) -> Iterator[AwsEvent]:
        """Every call in a region that was meant to change something between two times (seconds since 1970), `until`
        now where none is given, the newest first. Raises AccessDenied, Transient."""
        end = {} if until is None else {"EndTime": until}
        request: dict[str, Any] = {"StartTime": since, **end, **_by("ReadOnly", "false")}
        while True:
            page = self._look_up(region, request)
            yield from map(parse_event, page["Events"])
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def newest_change(self, resource: AwsResource) -> AwsEvent | None:
        """The newest call that changed a resource and was neither CloudFormation's nor the pipeline's; None where no
        such event is known yet, or `is_spent`. Raises AccessDenied, Transient."""
        service = resource.type.split("::")[1].lower()
        env = self._context.env
        region = global_region(env) if service in _GLOBAL_SERVICES else env.region
        names = _names(resource, env)
        events = [parse_event(e) for e in self._look_up(region, _by("ResourceName", names[0]))["Events"]]
        change = next((event for event in events if self._is_of_others(event, resource)), None)
        if change is not None:
            return change
        # Not every event lists its resources; then what it was asked for names them.
        source = f"{_SOURCES.get(service, service)}.amazonaws.com"
        named = (e for e in self._newest_of(region, source) if e.names.intersection(names))
        return next((event for event in named if self._is_of_others(event, resource)), None)

    def _newest_of(self, region: str, source: str) -> list[AwsEvent]:
        """A service's newest events, read once."""
        key = (region, source)
        if key not in self._of_sources:
            page = self._look_up(region, _by("EventSource", source))
            self._of_sources[key] = [parse_event(event) for event in page["Events"]]
        return self._of_sources[key]

    def _is_of_others(self, event: AwsEvent, resource: AwsResource) -> bool:
        cluster = _cluster(resource)
        if event.error or event.is_of_cloudformation or (cluster and cluster not in event.names):
            return False
        return not is_pipeline_session(event, self._context.env) and not event.name.startswith(_READING)

    def _look_up(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """One call, at most two a second; botocore tries again what is throttled because others look up too."""
        with self._lock:
            pause = max(0.0, self._next - time.monotonic())
            if self._left == 0 or (self._ends is not None and time.monotonic() + pause >= self._ends):
                self.is_spent = True
                return {"Events": []}
            time.sleep(pause)
            self._next = time.monotonic() + _INTERVAL
            self._left = None if self._left is None else self._left - 1
        with aws_call(f"looking up events of CloudTrail in {region}"):
            return self._context.aws.clients_in(region)("cloudtrail").lookup_events(**request)


_READING = ("Describe", "Get", "List", "Lookup", "BatchGet", "Head", "Simulate", "Assume", "Decrypt", "GenerateDataKey")


def is_pipeline_session(event: AwsEvent, env: Environment) -> bool:
    """Whether a session of the deployer that the pipeline opened made the call."""
    deployer = env.roles.deployer
    return deployer is not None and event.role == deployer.arn and event.session.startswith(SESSION_PREFIX)


def _by(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def _cluster(resource: AwsResource) -> str:
    """The cluster that a resource of EKS belongs to, by its physical id, as names are unique in a cluster only."""
    cluster, _, name = resource.physical_id.replace("|", "/").partition("/")
    return cluster if resource.type.startswith("AWS::EKS::") and name else ""


def _names(resource: AwsResource, env: Environment) -> list[str]:
    """The names by which events know a resource; the first one is what is looked up."""
    physical_id = resource.physical_id
    if cluster := _cluster(resource):
        return [physical_id[len(cluster) + 1 :]]
    if resource.type == "AWS::KMS::Key":
        return [f"arn:{env.partition}:kms:{env.region}:{env.account}:key/{physical_id}", physical_id]
    if resource.type == "AWS::SecretsManager::Secret":
        # AWS adds a hyphen and six characters to a secret's name.
        return [physical_id, physical_id.rpartition(":")[2].rpartition("-")[0]]
    return (
        [physical_id, physical_id.rpartition("/")[2]] if physical_id.startswith(("arn:", "https:")) else [physical_id]
    )
