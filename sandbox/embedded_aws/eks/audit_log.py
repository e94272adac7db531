"""The API server's audit log in CloudWatch Logs, as EKS writes it: `/aws/eks/NAME/cluster`, `kube-apiserver-audit-*`.

The API server sends batches of events (its audit webhook); they are kept only while the cluster's logging has `audit`.
Source: EKS user guide, "Send control plane logs to CloudWatch Logs".
"""

import asyncio
import json
import re
import time
from typing import Any

import ministack.app as application
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, eks

from ..request_log import Application, Message, Receive, Send
from .records import Record

_PATH = re.compile(r"/_ministack/eks-audit/(\d{12})/([a-z0-9-]+)/([^/]+)/([^/]+)")
KEPT = 5000  # events of a cluster, the newest; about 1 KiB each


class AuditLog:
    """An ASGI application that takes the API servers' audit events, and leaves everything else to `inner`."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        match = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if match is None:
            await self._inner(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        account, region, name, secret = match.groups()
        status = 403
        with request_scope(account, region):
            cluster = eks._clusters.get(name)
            if cluster is not None and cluster.get("_auth_token") == secret:
                status = 200
                if is_audited(cluster):
                    events = await asyncio.to_thread(_parsed, body)
                    _keep(name, cluster, events)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def is_audited(cluster: Record) -> bool:
    """Whether the cluster's logging has `audit` switched on."""
    setups = (cluster.get("logging") or {}).get("clusterLogging") or []
    return any("audit" in setup.get("types", ()) and setup.get("enabled") for setup in setups)


def _parsed(body: bytes) -> list[tuple[int, str]]:
    """Time in milliseconds and text of each event."""
    now = int(time.time() * 1000)
    events = json.loads(body or b"{}").get("items") or []
    return [(now, json.dumps({"kind": "Event", "apiVersion": "audit.k8s.io/v1", **event})) for event in events]


def _keep(name: str, cluster: Record, events: list[tuple[int, str]]) -> None:
    group, stream_name = f"/aws/eks/{name}/cluster", f"kube-apiserver-audit-{cluster['_auth_token'][:8].lower()}"
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": group})
    streams = cloudwatch_logs._log_groups[group]["streams"]
    if stream_name not in streams:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream_name})
    stored: list[dict[str, Any]] = [
        {"timestamp": at, "message": text, "ingestionTime": at, "eventId": str(index)}
        for index, (at, text) in enumerate(events)
    ]
    stream = streams[stream_name]
    cloudwatch_logs._append_log_events(stream, stored)
    del stream["events"][:-KEPT]


def install() -> None:
    """Take audit events."""
    application.app = AuditLog(application.app)
