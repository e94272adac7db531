"""An API server that goes silent, or breaks off in the midst of an answer, is a failure that is tried again."""

from __future__ import annotations

import datetime as dt
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import urllib3

from resources.context import Context
from resources.drivers.helm.live_objects import live_object
from resources.kubernetes import access
from resources.kubernetes.access import ClusterAccess, ClusterAddress
from resources.kubernetes.errors import kubernetes_call
from resources.model.errors import Transient
from resources.support.memory_cache import MemoryCache

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of one that answers each connection so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                held.append(connection)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def break_off(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(ANSWER + json.dumps({"items": []}).encode()[:5])
    connection.close()


def test_request_to_silent_api_server_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to an API server that goes silent ends as Transient after the timeout."""
    monkeypatch.setattr(access, "TIMEOUT", (1.0, 0.3))
    cluster = ClusterAccess(cast(Any, SimpleNamespace(env=SimpleNamespace(cluster_name="demo"), folder=tmp_path)))
    cluster._token = ("token", dt.datetime.now(dt.UTC))
    with server(lambda _: None) as address:
        vars(cluster)["address"] = ClusterAddress("demo", address, b"")
        with pytest.raises(Transient, match="timed out"), kubernetes_call("listing Pods"):
            cluster.kind("v1", "Pod").get()


def test_list_that_breaks_off_is_transient() -> None:
    """A connection that breaks off within a list is Transient, so that the operation is retried."""
    with server(break_off) as address:

        def get(**_: Any) -> Any:
            answer = urllib3.PoolManager().request("GET", address, preload_content=False, retries=False)
            return json.loads(answer.data)

        cluster = SimpleNamespace(kind=lambda *_: SimpleNamespace(get=get))
        context = cast(Context, SimpleNamespace(cluster=cluster, cache=MemoryCache()))
        with pytest.raises(Transient, match="listing Deployment"):
            live_object({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}, "d", context)
