"""A DNS server on loopback, as far as delegations go: NS and A records, in the authority where it was not asked to
recurse."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_A, _NS = 1, 2


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _question(message: bytes) -> tuple[str, int, bytes]:
    labels, place = [], 12
    while length := message[place]:
        labels.append(message[place + 1 : place + 1 + length].decode())
        place += 1 + length
    (kind,) = struct.unpack(">H", message[place + 1 : place + 3])
    return ".".join(labels), kind, message[12 : place + 5]


def _answer(message: bytes, servers: Mapping[str, tuple[str, ...]]) -> bytes:
    name, kind, question = _question(message)
    named = [_encoded(server) for server in servers.get(name, ())]
    data = [socket.inet_aton("127.0.0.1")] if kind == _A else named
    # The owner is a pointer to the name in the question.
    records = [b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 60, len(one)) + one for one in data]
    is_recursive = bool(message[2] & 1)
    counts = (len(records), 0) if is_recursive else (0, len(records))
    return message[:2] + struct.pack(">5H", 0x8180, 1, *counts, 0) + question + b"".join(records)


@contextmanager
def name_server(servers: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """HOST:PORT of a server that knows the servers of these domains, until the block ends."""

    class Handler(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            self.wfile.write(_answer(self.rfile.read(), servers))

    with socketserver.UDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
