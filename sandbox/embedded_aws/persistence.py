"""Saving state while the process runs, because a kill would otherwise lose all of it."""

import asyncio
import hashlib
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import ministack.app as application
from ministack.core import persistence

from . import recovery
from .request_log import Application, Message, Receive, Send
from .settings import settings

logger = logging.getLogger(__name__)

_SAVE_LOCK, _ROUND_LOCK = threading.Lock(), threading.Lock()
_SNAPSHOT_SECONDS = 10.0
SAVE_PATH = "/_ministack/save"

_ministack_load = application._load_persisted_state
_ministack_save_all = application.save_all


class StateSaver(threading.Thread):
    """Writes each service's state to the state folder when it differs from what was last written."""

    def __init__(self, interval: float) -> None:
        super().__init__(daemon=True, name="embedded-aws-state-saver")
        self._interval = interval
        self._written: dict[str, str] = {}

    def run(self) -> None:
        """Save every `interval` seconds, for as long as the process lives."""
        pause = threading.Event()
        while not pause.wait(self._interval):
            try:
                self.save_changes()
            except (RuntimeError, OSError, TimeoutError, CancelledError) as failure:
                # A store that changes while it is copied, or a full disk: the next round tries again.
                logger.warning("The state was not saved this time: %s", failure)

    def save_changes(self) -> None:
        """Write the services whose state changed since the last call."""
        with _ROUND_LOCK:  # or an older copy would be written over a newer one
            for service, state in _snapshot(application._build_persistence_save_dict()).items():
                text = json.dumps(state, default=persistence._json_default)
                digest = hashlib.sha256(text.encode()).hexdigest()
                if self._written.get(service) != digest:
                    with _SAVE_LOCK:
                        persistence.save_state(service, state)
                    self._written[service] = digest


class SaveOnRequest:
    """An ASGI application that answers POST /_ministack/save when all state is on disk, and leaves the rest to `inner`.

    200, or 503 with the reason when it could not be saved.
    """

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", SAVE_PATH):
            await self._inner(scope, receive, send)
            return
        status, reason = 200, b""
        try:
            # In a thread, as it copies the state on the event loop; a saver of its own, which writes all.
            await asyncio.to_thread(StateSaver(settings().save_interval).save_changes)
        except (RuntimeError, OSError, TimeoutError, CancelledError) as failure:
            status, reason = 503, str(failure).encode()
        headers = [(b"content-length", str(len(reason)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": reason})


def _snapshot(readers: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Every service's state, copied on the event loop so that no request changes it meanwhile."""

    async def read() -> dict[str, Any]:
        states = {service: reader() for service, reader in readers.items()}
        return {service: state for service, state in states.items() if state is not None}

    return asyncio.run_coroutine_threadsafe(read(), application._MAIN_LOOP).result(timeout=_SNAPSHOT_SECONDS)


def _save_all(services: dict[str, Callable[[], Any]]) -> None:
    with _SAVE_LOCK:
        _ministack_save_all(services)


def _load() -> None:
    """Load what was saved, go on with what was interrupted, and save from now on."""
    _ministack_load()
    recovery.recover()
    logging.getLogger("persistence").setLevel(logging.WARNING)
    StateSaver(settings().save_interval).start()


def install() -> None:
    """Make MiniStack load and save through this module."""
    application._load_persisted_state = _load
    application.save_all = _save_all
    application.app = SaveOnRequest(application.app)
