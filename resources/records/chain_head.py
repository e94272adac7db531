"""Appends to the chain of the ledger's entries (docs/adr/0018-ledger-chain.md).

The row `ledger:<platform>` of the lease table gives each entry its place by one atomic write, and carries its text
until it is in the bucket. Side by side nobody waits for anybody; what a killed process left is written by the next.
"""

from __future__ import annotations

from typing import Any

import rfc8785

from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import AlreadyThere
from resources.records.chain import Head, Link
from resources.records.lease_table import read_item, write_row
from resources.records.ledger import read_key, write_once
from resources.records.platform import platform_of

# Together at most 256 KiB; a row of DynamoDB holds 400.
MOST_PENDING = 32
LARGEST_ENTRY = 8 * 1024  # bytes
_APPEND = "SET #pending = list_append(if_not_exists(#pending, :none), :entries)"
# An update that got no answer is sent again: then the entry stands there.
_ROOM = "attribute_not_exists(#pending) OR (size(#pending) < :most AND NOT contains(#pending, :entry))"
_EXISTS = "attribute_exists(#pending)"
_AHEAD = f"{_EXISTS} AND (attribute_not_exists(#sequence) OR #sequence < :number)"


def head_row(env: Environment) -> str:
    """The key of the head's row: the platform's, whatever its file is called."""
    return f"ledger:{platform_of(env)}"


def read_head(context: Context) -> Head | None:
    """The end of the chain; None before its first entry. Raises NotFound where the environment has not been
    bootstrapped, AccessDenied, Transient."""
    item = read_item(context, head_row(context.env))
    return Head.of(item) if item else None


def reserve_place(context: Context, text: str) -> Head:
    """Give the entry its place in the chain: the head, with the text of the entry among what is pending. From here on
    it will be in the ledger: what this process does not write the next one does. At most LARGEST_ENTRY bytes.

    Raises NotFound where the environment has not been bootstrapped, AccessDenied, Transient."""
    values = {
        "none": {"L": []},
        "entries": {"L": [{"S": text}]},
        "entry": {"S": text},
        "most": {"N": str(MOST_PENDING)},
    }
    while True:
        done, item = write_row(context, head_row(context.env), _APPEND, _ROOM, values)
        head = Head.of(item)
        if done or text in head.pending:
            return head
        write_pending(context, head)


def write_reserved(context: Context, head: Head, text: str) -> Link:
    """Write the entry that has its place in the head. Whoever is the last also writes what others have not, so that one
    who was killed leaves nothing undone.

    Raises AlreadyThere where something else has both of its names, NotFound, AccessDenied, Transient."""
    link = head.links()[head.pending.index(text)]
    write_link(context, link)
    head = _mark(context, head, link.sequence)
    if head.last == link.sequence:
        write_pending(context, head)
    return link


def write_pending(context: Context, head: Head) -> Head:
    """Write what the head has and the bucket may not have. Raises as `write_reserved`."""
    for link in head.unwritten():
        write_link(context, link)
        head = _mark(context, head, link.sequence)
    return _settle(context, head)


def write_link(context: Context, link: Link) -> None:
    """Write an entry, unless it is there. Raises as `write_reserved`."""
    body = rfc8785.dumps(link.document)
    for key in link.keys:
        if write_once(context, key, link.document) or read_key(context, key) == body:
            return
    raise AlreadyThere(
        f"the ledger has other objects under {' and '.join(link.keys)}",
        next_step="find out who wrote them; an administrator can remove them",
    )


def _mark(context: Context, head: Head, number: int) -> Head:
    """Note that the entry of that number is in the bucket. Where it is the first that is pending, the head goes on to
    the last before which nothing is missing; the others leave that to the first. The head as it is then."""
    if number != head.sequence + 1:
        note = {"numbers": {"NS": [str(number)]}, "number": {"N": str(number)}}
        _, item = write_row(context, head_row(context.env), "ADD #written :numbers", _AHEAD, note)
        head = Head.of(item)
    return _settle(context, head, number) if number == head.sequence + 1 else head


def _settle(context: Context, head: Head, *done: int) -> Head:
    """Let the head go on over all from the front that are in the bucket, `done` among them. An empty head where
    somebody took the row away."""
    while settled := head.settled(*done):
        _, item = write_row(context, head_row(context.env), *_advance(head, settled))
        head = Head.of(item)
    return head


def _advance(head: Head, settled: list[Link]) -> tuple[str, str, dict[str, Any]]:
    """The update, its condition and values that take these entries from what is pending: only from the head as it was
    seen."""
    end = settled[-1]
    values = {
        "next": {"N": str(end.sequence)},
        "digest": {"S": end.digest},
        "key": {"S": end.keys[0]},
        "numbers": {"NS": [str(link.sequence) for link in settled]},
    }
    # The last first: so each leaves the others where they are, removed at once or one by one.
    places = ", ".join(f"#pending[{place}]" for place in reversed(range(len(settled))))
    update = f"SET #sequence = :next, #digest = :digest, #key = :key REMOVE {places} DELETE #written :numbers"
    if head.sequence == 0:
        return update, f"{_EXISTS} AND attribute_not_exists(#sequence)", values
    return update, "#sequence = :seen", {**values, "seen": {"N": str(head.sequence)}}
