"""Whether a ledger's entries are the chain that its head ends: finds what was edited, removed, moved or added. Pure.

Goes from the head backwards: each entry is proved by the digest that the one after it has.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from resources.config.field_types import Model
from resources.model.digests import digest_of
from resources.records.chain import Head, entry_keys

FaultKind = Literal["edited", "deleted", "cut", "reordered", "moved", "added", "unproved", "overwritten", "no_head"]


class Fault(Model):
    """Something wrong with one entry. `sequence`: its number, None where it has none; `key`: where it lies, or where
    the one before it does."""

    kind: FaultKind
    sequence: int | None
    key: str
    detail: str


class Unwritten(Model):
    """An entry that has its place and is not in the bucket yet, as after a process that was killed."""

    sequence: int
    key: str


@dataclass(frozen=True)
class Stored:
    """A version of an object under the entries. `is_first`: the first of its key; `is_hidden`: by a delete marker."""

    key: str
    version: str
    body: bytes = field(repr=False)
    is_first: bool = True
    is_hidden: bool = False

    @cached_property
    def document(self) -> dict[str, Any]:
        """The entry; empty where it is no JSON object."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    @cached_property
    def digest(self) -> str:
        """Of its bytes."""
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def sequence(self) -> int | None:
        number = self.document.get("sequence")
        return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None

    def is_at_home(self) -> bool:
        """Whether it lies under the time and unit that it tells."""
        return self.key in entry_keys(self.document, self.sequence or 0)


@dataclass(frozen=True)
class Audit:
    """`before`: entries from before the chain; `entries`: numbers that the chain has; `faults` and `unwritten` by
    number."""

    entries: int
    before: int
    begins: str
    faults: tuple[Fault, ...]
    unwritten: tuple[Unwritten, ...]


def audit_chain(head: Head | None, stored: Iterable[Stored]) -> Audit:
    """What is wrong with the entries, given the head and all versions of all objects, those of a key from the first."""
    objects = list(stored)
    by_number: dict[int, list[Stored]] = defaultdict(list)
    for each in objects:
        if each.sequence is not None:
            by_number[each.sequence].append(each)
    alone = [each for each in objects if each.sequence is None and each.is_first]
    begins = min((each.key for group in by_number.values() for each in group), default="")
    walk = _Walk(head or Head(sequence=max(by_number, default=0)), by_number, is_headless=head is None)
    faults = [
        *([_no_head(begins)] if head is None and by_number else []),
        *walk.faults(),
        *_name_faults(objects),
        *(
            Fault(kind="added", sequence=None, key=each.key, detail="it has no place in the chain")
            for each in alone
            if begins and each.key > begins and not _is_beside(each, objects)
        ),
    ]
    before = [each for each in alone if not begins or each.key < begins]
    ordered = sorted(faults, key=lambda fault: (fault.sequence or 0, fault.key))
    return Audit(walk.head.last, len(before), begins, tuple(ordered), tuple(walk.unwritten()))


class _Walk:
    """From the head backwards. `proved`: the object of each number that is what it should be, or is taken for it where
    nothing can prove that; `wrong`: the others, each with the digest that it should have."""

    def __init__(self, head: Head, by_number: Mapping[int, list[Stored]], *, is_headless: bool) -> None:
        self.head, self.by_number = head, by_number
        self.proved: dict[int, Stored] = {}
        self.wrong: dict[int, tuple[Stored, str, FaultKind]] = {}
        self.present = sorted(number for number in by_number if number <= head.last)
        self.links = {link.sequence: link for link in head.links()}
        for number, link in self.links.items():
            self._judge(number, link.digest)
        digest = None if is_headless else head.digest
        for number in range(head.sequence, 0, -1):
            digest = self._judge(number, digest)

    def _judge(self, number: int, digest: str | None, kind: FaultKind = "edited") -> str | None:
        """Judge the objects of a number, the right one of which has the digest (None: nobody tells). What the one
        before should have."""
        group = self.by_number.get(number, [])
        right = next((each for each in group if digest in (None, each.digest)), None)
        if right is not None:
            self.proved[number] = right
            return _text(right.document.get("previous"))
        if not group:
            return None
        chosen = group[0]
        suspect = number + 1 in self.wrong and digest == _text(self.wrong[number + 1][0].document.get("previous"))
        self.wrong[number] = chosen, digest or "", "unproved" if suspect else kind
        # Where nothing but the reference to the one before was edited, that one is proved all the same.
        for earlier in self.by_number.get(number - 1, []):
            if _digest(chosen, previous=earlier.digest) == digest:
                return earlier.digest
        return _text(chosen.document.get("previous"))

    def unwritten(self) -> Iterator[Unwritten]:
        for link in self.links.values():
            if link.sequence not in self.by_number and link.sequence not in self.head.written:
                yield Unwritten(sequence=link.sequence, key=link.keys[0])

    def faults(self) -> Iterator[Fault]:
        awaited = {each.sequence for each in self.unwritten()}
        for number in range(1, self.head.last + 1):
            if number in self.wrong:
                yield self._wrong(number)
            elif number not in self.proved and number not in awaited:
                yield self._missing(number)
        for number, group in self.by_number.items():
            right = self.proved.get(number) or (self.wrong[number][0] if number in self.wrong else None)
            for each in group:
                if right is None or (each.key != right.key and each.is_first):
                    why = (
                        f"the chain ends with entry {self.head.last}" if right is None else f"entry {number} is another"
                    )
                    yield Fault(kind="added", sequence=number, key=each.key, detail=f"it is not of the chain: {why}")

    def _wrong(self, number: int) -> Fault:
        each, digest, kind = self.wrong[number]
        previous = each.document.get("previous")
        for other, (candidate, _, _) in self.wrong.items():
            if other != number and _digest(candidate, sequence=number, previous=previous) == digest:
                detail = f"it stands in the place of entry {other}, {candidate.key}"
                return Fault(kind="reordered", sequence=number, key=candidate.key, detail=detail)
        why = (
            "the entry after it, which was edited, does not prove it"
            if kind == "unproved"
            else f"its digest is {each.digest[:19]}, and the chain has {digest[:19]}"
        )
        return Fault(kind=kind, sequence=number, key=each.key, detail=why)

    def _missing(self, number: int) -> Fault:
        place = bisect_left(self.present, number)
        earlier = self.present[place - 1] if place else None
        key = self.by_number[earlier][0].key if earlier else ""
        behind = place < len(self.present)
        name = self.links[number].keys[0] if number in self.links else ""
        name = name or (self.head.key if number == self.head.sequence else "")
        what = f"entry {number}{f', {name},' if name else ''} is gone"
        if behind:
            proof = f"; nothing proves entry {earlier} any more" if earlier == number - 1 else ""
            return Fault(
                kind="deleted", sequence=number, key=name or key, detail=f"{what}, after {key or 'none'}{proof}"
            )
        detail = f"{what}; the last one that is there is {key or 'none'}, and the head ends with entry {self.head.last}"
        return Fault(kind="cut", sequence=number, key=name or key, detail=detail)


def _name_faults(objects: Iterable[Stored]) -> Iterator[Fault]:
    for each in objects:
        if not each.is_first:
            detail = f"it was written over by version {each.version}; what was there first counts"
            yield Fault(kind="overwritten", sequence=each.sequence, key=each.key, detail=detail)
        elif each.is_hidden:
            detail = f"it was deleted; version {each.version} still has it"
            yield Fault(kind="deleted", sequence=each.sequence, key=each.key, detail=detail)
        elif each.sequence is not None and not each.is_at_home():
            home = entry_keys(each.document, each.sequence)[0]
            yield Fault(kind="moved", sequence=each.sequence, key=each.key, detail=f"it is the one of {home}")


def _is_beside(each: Stored, objects: Iterable[Stored]) -> bool:
    """Whether it only took the name of an entry, which then got its number in its name."""
    stem = each.key.removesuffix(".json")
    return any(other.sequence and other.key == f"{stem}.{other.sequence}.json" for other in objects)


def _no_head(begins: str) -> Fault:
    detail = "the head is gone from the lease table: nobody can tell whether the tail is whole"
    return Fault(kind="no_head", sequence=None, key=begins, detail=detail)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _digest(each: Stored, **changes: Any) -> str:
    """The digest of the entry as it would be with these changes; empty where it would be none."""
    try:
        return digest_of({**each.document, **changes})
    except (ValueError, RecursionError):
        return ""
