"""Asks DNS servers for name servers and addresses, over UDP: which servers a zone's parent names cannot be asked of the
operating system. Source: RFC 1035, "Messages"; RFC 1034, "Resource Records", for delegations.

EKS_ASSETS_RESOLVER (HOST or HOST:PORT) is asked instead of the first server of /etc/resolv.conf; its port then holds
for the other servers too.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resources.model.errors import Transient

RESOLVER = "EKS_ASSETS_RESOLVER"
_PORT, _LONGEST = 53, 4096
_ADDRESS, _NAME_SERVER = 1, 2
_SECONDS, _TRIES = 1.5, 2
Server = tuple[str, int]


@dataclass(frozen=True)
class Record:
    """A record of an answer. `value`: the name of a server, or an IPv4 address."""

    owner: str
    kind: int
    value: str


def find_parent_servers(domain: str) -> tuple[str, tuple[str, ...]]:
    """The nearest domain above that is a zone of its own, and the names of its servers; `("", ())` for none.

    Raises Transient where the resolver does not answer."""
    resolver = _resolver()
    for parent in _parents(domain):
        if servers := _named_servers(_ask(parent, _NAME_SERVER, resolver, recurse=True), parent):
            return parent, servers
    return "", ()


def read_delegation(domain: str, servers: tuple[str, ...]) -> frozenset[str]:
    """The servers that one of the parent's servers names for the domain, without asking any further; none where there
    is no delegation. Raises Transient where none of them answers."""
    resolver = _resolver()
    reasons = []
    for name in servers:
        try:
            for record in _ask(name, _ADDRESS, resolver, recurse=True):
                if record.kind == _ADDRESS:
                    records = _ask(domain, _NAME_SERVER, (record.value, resolver[1]), recurse=False)
                    return frozenset(_named_servers(records, domain))
        except Transient as error:
            reasons.append(error.message)
    raise Transient(f"no server of the parent zone answers: {'; '.join(reasons) or 'they have no addresses'}")


def _parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    yield from (".".join(labels[start:]) for start in range(1, len(labels)))


def _named_servers(records: list[Record], domain: str) -> tuple[str, ...]:
    return tuple(sorted(r.value for r in records if r.kind == _NAME_SERVER and r.owner == domain.lower()))


def _resolver() -> Server:
    chosen = os.environ.get(RESOLVER, "")
    if chosen:
        host, _, port = chosen.partition(":")
        return host, int(port or _PORT)
    try:
        lines = Path("/etc/resolv.conf").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1]
    return (named[0] if named else "127.0.0.1"), _PORT


def _ask(name: str, kind: int, server: Server, *, recurse: bool) -> list[Record]:
    number = secrets.randbits(16)
    labels = b"".join(bytes([len(label)]) + label for label in name.encode("idna").split(b"."))
    flags = 0x0100 if recurse else 0
    request = struct.pack(">6H", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    reason = ""
    for _ in range(_TRIES):
        with socket.socket(family, socket.SOCK_DGRAM) as channel:
            channel.settimeout(_SECONDS)
            try:
                channel.connect(server)
                channel.send(request)
                answer = channel.recv(_LONGEST)
            except OSError as error:
                reason = str(error)
                continue
        if answer[:2] == request[:2]:
            return _read(answer, server)
    raise Transient(f"the DNS server {server[0]} does not answer for {name}: {reason or 'another answer'}")


def _read(answer: bytes, server: Server) -> list[Record]:
    try:
        return list(_records(answer))
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise Transient(f"the DNS server {server[0]} answers with what is no DNS message") from error


def _records(answer: bytes) -> Iterator[Record]:
    """Those of the answer and of the authority, where a delegation stands."""
    questions, answers, authorities = struct.unpack(">3H", answer[4:10])
    place = 12
    for _ in range(questions):
        place = _name(answer, place)[1] + 4
    for _ in range(answers + authorities):
        owner, place = _name(answer, place)
        kind, _, _, length = struct.unpack(">2HIH", answer[place : place + 10])
        place += 10
        if kind == _NAME_SERVER:
            yield Record(owner, kind, _name(answer, place)[0])
        elif kind == _ADDRESS and length == 4:
            yield Record(owner, kind, socket.inet_ntoa(answer[place : place + 4]))
        place += length


def _name(answer: bytes, place: int) -> tuple[str, int]:
    """The name that stands there, in lower case, and where what follows begins."""
    labels, end = list[str](), 0
    for _ in range(128):  # a pointer may point at itself
        length = answer[place]
        if length >= 0xC0:
            end = end or place + 2
            place = struct.unpack(">H", answer[place : place + 2])[0] & 0x3FFF
        elif length == 0:
            return ".".join(labels).lower(), end or place + 1
        else:
            labels.append(answer[place + 1 : place + 1 + length].decode("ascii"))
            place += 1 + length
    raise IndexError("a name without an end")
