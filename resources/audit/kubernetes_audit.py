"""The cluster's audit log, where EKS keeps it: who changed which object, as the API server saw it.

Source: EKS user guide, "Send control plane logs to CloudWatch Logs"; Kubernetes documentation, "Auditing"; API
reference of CloudWatch Logs, FilterLogEvents.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resources.aws.errors import aws_call
from resources.context import Context

_VERBS = ("create", "update", "patch", "delete", "deletecollection")
# What runs in a container changes it; over WebSockets that is a `get` to the API server.
_RUNNING = ("exec", "attach")
# Of what is passed on to a container or service, nothing is a dry run.
_PASSED_ON = frozenset({*_RUNNING, "portforward", "proxy"})
# EKS writes every read down too: CloudWatch leaves them out before they reach us.
_CHANGES = " || ".join(
    [
        *(f'($.verb = "{verb}")' for verb in _VERBS),
        *(f'($.objectRef.subresource = "{subresource}")' for subresource in _RUNNING),
    ]
)
_MOST_NAMES = 8  # a filter pattern has 1,024 characters at most
SERVICE_ACCOUNT = "system:serviceaccount:"  # what a service account's name as a user begins with
_STREAMS = "kube-apiserver-audit-"
# Nobody changes an object by them.
_QUESTIONS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})


@dataclass(frozen=True)
class AuditEvent:
    """One call that the API server let through. `user`: the name by which it knows who called, and whom they acted for
    if they did (`acted_as`); `session`: of an IAM role's session, its name; `object`: kind in the plural, namespace and
    name; `time` in ISO 8601."""

    identifier: str
    time: str
    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    agent: str = ""
    acted_as: str = ""

    @property
    def is_of_service_account(self) -> bool:
        return self.user.startswith(SERVICE_ACCOUNT)

    @property
    def actor(self) -> str:
        """Who it was, in words."""
        return f"{self.user} as {self.acted_as}" if self.acted_as else self.user

    @property
    def object(self) -> str:
        return "/".join(part for part in (self.resource, self.namespace, self.name) if part)

    @property
    def session(self) -> str:
        return self.user.split("/", 2)[2] if ":assumed-role/" in self.user and self.user.count("/") > 1 else ""


def is_audit_on(context: Context) -> bool:
    """Whether the cluster sends its audit log to CloudWatch Logs. Raises NotFound where there is no cluster,
    AccessDenied, Transient."""
    name = context.env.cluster_name
    with aws_call(f"describing the EKS cluster {name}"):
        cluster: Any = context.aws.client("eks").describe_cluster(name=name)["cluster"]
    setups = (cluster.get("logging") or {}).get("clusterLogging") or []
    return any("audit" in setup.get("types", ()) and setup.get("enabled") for setup in setups)


def how_to_switch_on(context: Context) -> str:
    """What is said once where the log is off."""
    return (
        f"the cluster {context.env.cluster_name} keeps no audit log: add `audit` to cloudWatch.clusterLogging."
        "enableTypes of its ClusterConfig, and deploy"
    )


def list_audit_events(
    context: Context, since: float, names: Collection[str] = (), pages: int | None = None
) -> Iterator[AuditEvent]:
    """Every call since a time (seconds since 1970) that changed an object, the oldest first; refused ones, dry runs and
    questions to the API server are left out. `names`: of objects, a few of which CloudWatch looks for by itself;
    `pages`: how many are read at most. Raises NotFound where there is no log yet, AccessDenied, Transient."""
    client, group = context.aws.client("logs"), f"/aws/eks/{context.env.cluster_name}/cluster"
    request: dict[str, Any] = {
        "logGroupName": group,
        "logStreamNamePrefix": _STREAMS,
        "startTime": int(since * 1000),
        "filterPattern": _pattern(names),
    }
    while pages is None or pages > 0:
        pages = None if pages is None else pages - 1
        with aws_call(f"reading the audit log of cluster {context.env.cluster_name}"):
            page = client.filter_log_events(**request)
        for logged in page["events"]:
            event = parse_audit_event(logged["message"])
            if event is not None:
                yield event
        if not page.get("nextToken"):
            return
        request["nextToken"] = page["nextToken"]


def _pattern(names: Collection[str]) -> str:
    if not 0 < len(names) <= _MOST_NAMES or any('"' in name or len(name) > 63 for name in names):
        return f"{{ {_CHANGES} }}"
    of_them = " || ".join(f'($.objectRef.name = "{name}")' for name in sorted(names))
    return f"{{ ({_CHANGES}) && ({of_them}) }}"


def parse_audit_event(message: str) -> AuditEvent | None:
    """The event of one line of the log; None for what changed nothing."""
    try:
        record = json.loads(message)
        target, status = record.get("objectRef") or {}, (record.get("responseStatus") or {}).get("code") or 200
        is_change = record["verb"] in _VERBS or target.get("subresource") in _RUNNING
        if (
            not is_change
            or status >= 400
            or _is_dry_run(record, target)
            or target.get("apiGroup") in _QUESTIONS
            or record.get("stage") not in ("ResponseComplete", None)
        ):
            return None
        resource = "/".join(part for part in (target.get("resource"), target.get("subresource")) if part)
        return AuditEvent(
            identifier=str(record.get("auditID", "")),
            time=str(record.get("stageTimestamp") or record.get("requestReceivedTimestamp") or ""),
            user=str(record["user"].get("username", "")),
            verb=str(record["verb"]),
            resource=resource,
            namespace=str(target.get("namespace") or ""),
            name=str(target.get("name") or ""),
            agent=str(record.get("userAgent") or ""),
            acted_as=str((record.get("impersonatedUser") or {}).get("username", "")),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _is_dry_run(record: dict[str, Any], target: dict[str, Any]) -> bool:
    query = parse_qs(urlsplit(record.get("requestURI", "")).query)
    return "All" in query.get("dryRun", ()) and target.get("subresource") not in _PASSED_ON
