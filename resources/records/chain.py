"""The chain of the ledger's entries: each has a number and the digest of the one before, in the order that the head
gives them. Pure.

The head is a row of the lease table (`chain_head.py`). It knows the last entry up to which everything is in the bucket,
and carries the whole text of those after it, so that whoever comes next can write what a killed process could not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from resources.model.digests import digest_of

ENTRIES = "changes/"


@dataclass(frozen=True)
class Link:
    """An entry in its place. `text`: as it was appended, before it had a number; `previous`: the digest of the entry
    before it, None for the first."""

    sequence: int
    previous: str | None
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """The entry as it is written."""
        return {**json.loads(self.text), "sequence": self.sequence, "previous": self.previous}

    @property
    def digest(self) -> str:
        return digest_of(self.document)

    @property
    def keys(self) -> tuple[str, str]:
        """Where it is written: under its time and unit, or with its number where something else has that name."""
        return entry_keys(self.document, self.sequence)


@dataclass(frozen=True)
class Head:
    """The end of the chain. Entries up to `sequence`, with `digest` and `key` of that one, are in the bucket; `pending`
    are the texts of those after it, in order, and `written` the numbers of those of them that are there already."""

    sequence: int = 0
    digest: str | None = None
    key: str = ""
    pending: tuple[str, ...] = ()
    written: frozenset[int] = frozenset()

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Head:
        """From the row of the table."""
        return cls(
            sequence=int(item.get("sequence", {}).get("N", 0)),
            digest=item.get("digest", {}).get("S"),
            key=item.get("key", {}).get("S", ""),
            pending=tuple(text["S"] for text in item.get("pending", {}).get("L", [])),
            written=frozenset(int(number) for number in item.get("written", {}).get("NS", [])),
        )

    @property
    def last(self) -> int:
        """The number of the last entry, written or not."""
        return self.sequence + len(self.pending)

    def links(self) -> list[Link]:
        """The pending entries, each with its place."""
        links: list[Link] = []
        previous = self.digest
        for number, text in enumerate(self.pending, self.sequence + 1):
            links.append(Link(number, previous, text))
            previous = links[-1].digest
        return links

    def unwritten(self) -> list[Link]:
        """The pending entries of which nobody has said that they are in the bucket."""
        return [link for link in self.links() if link.sequence not in self.written]

    def settled(self, *done: int) -> list[Link]:
        """The pending entries, from the first without a gap, that are in the bucket; `done`: what is known beside the
        row."""
        links: list[Link] = []
        for link in self.links():
            if link.sequence not in self.written and link.sequence not in done:
                break
            links.append(link)
        return links


def entry_text(document: Mapping[str, Any]) -> str:
    """The entry as the head carries it."""
    return rfc8785.dumps(document).decode()


def entry_key(document: Mapping[str, Any]) -> str:
    """The key of an entry, which tells its time and unit."""
    return f"{ENTRIES}{document['at']}-{document['unit']}.json"


def entry_keys(document: Mapping[str, Any], sequence: int) -> tuple[str, str]:
    """The keys that an entry with that number may have: with it in the name where something else has the first."""
    stem = f"{ENTRIES}{document.get('at')}-{document.get('unit')}"
    return f"{stem}.json", f"{stem}.{sequence}.json"
