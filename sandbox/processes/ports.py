"""Ports that stay the same from one start of the sandbox to the next."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import read_json, write_json

log = logging.getLogger(__name__)

# Below the range that Linux hands out for outgoing connections, which would otherwise take a port while we are down.
FIRST, LAST = 20000, 32000
# Of what all clusters share.
SHARED_PORTS = ("supervisor", "aws", "registry", "git", "edge")


class PortBook:
    """Names to loopback ports, kept in a file. Safe to use from several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def claim(self, names: Iterable[str]) -> dict[str, int]:
        """A free port for each name: the one it had before, or a new one where that is taken or there was none.

        Raises SandboxError when the range is exhausted.
        """
        with self._lock:
            book: dict[str, int] = read_json(self._file)
            claimed: dict[str, int] = {}
            for name in names:
                port = book.get(name)
                if port is None or not is_free(port):
                    if port is not None:
                        log.warning("port %d of %s is taken by another program; choosing a new one", port, name)
                    port = next(self._candidates(set(book.values())))
                book[name] = claimed[name] = port
            write_json(self._file, book)
            return claimed

    def forget(self, prefix: str) -> None:
        """Give up the ports of all names that start with `prefix`."""
        with self._lock:
            book = read_json(self._file)
            write_json(self._file, {name: port for name, port in book.items() if not name.startswith(prefix)})

    def _candidates(self, taken: set[int]) -> Iterator[int]:
        # Every state folder begins elsewhere, so that a sandbox that is down finds its ports free when it comes back.
        digest = hashlib.sha256(str(self._file).encode()).digest()
        start = int.from_bytes(digest[:4], "big") % (LAST - FIRST)
        for step in range(LAST - FIRST):
            port = FIRST + (start + step) % (LAST - FIRST)
            if port not in taken and is_free(port):
                yield port
        raise SandboxError(f"No loopback port between {FIRST} and {LAST} is free: end some programs that listen there.")


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
