"""The request log: one JSON line per AWS request, with who called what and how it went. Bodies are never written."""

import json
import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ministack.app as application
from ministack.core.iam_actions import extract_iam_action
from ministack.core.router import detect_service, extract_access_key_id

from .settings import settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)")


class RequestLog:
    """An ASGI application that logs each request of `inner` to a file."""

    def __init__(self, inner: Application, path: Path) -> None:
        self._inner = inner
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, then log it."""
        if scope["type"] != "http" or scope["path"].startswith(("/_ministack/", "/_localstack/")):
            await self._inner(scope, receive, send)
            return
        seen: dict[str, Any] = {"status": 0, "action": b""}
        started = time.monotonic()

        async def watched_receive() -> Message:
            message = await receive()
            # A Query-protocol request names its action in the first bytes of its body; nothing else is looked at.
            if not seen["action"] and message.get("body"):
                match = _ACTION.search(message["body"][:4096])
                seen["action"] = match[1] if match else b"-"
            return message

        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
            await send(message)

        try:
            await self._inner(scope, watched_receive, watched_send)
        finally:
            self._write(scope, seen, time.monotonic() - started)

    def _write(self, scope: Message, seen: dict[str, Any], seconds: float) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = urllib.parse.parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        method, path = scope["method"], scope["path"]
        action = seen["action"].decode()
        routing = {**query, "Action": [action]} if action not in ("", "-") else query
        service = detect_service(method, path, headers, routing)
        named = extract_iam_action(service, method, path, headers, b"", routing) or ""
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "service": service,
            "action": named.partition(":")[2],
            "access_key_id": extract_access_key_id(headers, query) or "",
            "status": seen["status"],
            "milliseconds": round(seconds * 1000, 1),
        }
        self._file.write(json.dumps(entry) + "\n")


def install() -> None:
    """Log requests to `requests.log` in the state folder, when there is one."""
    state_dir = settings().state_dir
    if state_dir is not None:
        application.app = RequestLog(application.app, state_dir / "requests.log")
