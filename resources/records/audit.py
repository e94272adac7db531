"""Reads a whole ledger, and says whether its entries are the chain that its head ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from resources.context import Context
from resources.model.errors import AccessDenied
from resources.records.chain import ENTRIES, Head
from resources.records.chain_audit import Audit, Stored, audit_chain
from resources.records.chain_head import read_head
from resources.records.ledger import ObjectVersion, list_all_versions, read_key

READERS = 32  # threads, as many as the client keeps connections


def audit_ledger(context: Context) -> Audit:
    """The audit of all entries, every version of them. What is appended meanwhile is left to the next one.

    Raises NotFound where the environment has not been bootstrapped, AccessDenied with what to do, Transient."""
    with reading_ledger(context):
        head = read_head(context)
        versions = list_all_versions(context, ENTRIES)
        with ThreadPoolExecutor(READERS) as pool:
            bodies = pool.map(lambda version: read_key(context, version.key, version.id), _with_content(versions))
            stored = list(_stored(versions, bodies))
        later = read_head(context)
    known = head.last if head else 0
    if later is not None and head is not None:
        stored = [each for each in stored if not known < (each.sequence or 0) <= later.last]
    elif later is not None:  # the chain began meanwhile
        stored = [each for each in stored if each.sequence is None]
    audit = audit_chain(head, stored)
    return replace(audit, unwritten=tuple(e for e in audit.unwritten if not _is_written(later, e.sequence)))


@contextmanager
def reading_ledger(context: Context) -> Iterator[None]:
    """Within it, a refusal to read says how the right is given."""
    try:
        yield
    except AccessDenied as error:
        raise AccessDenied(
            error.message,
            next_step=f"an administrator gives the right with: eks-assets bootstrap {context.env.name} --apply",
        ) from error


def _with_content(versions: Iterable[ObjectVersion]) -> list[ObjectVersion]:
    return [version for version in versions if not version.is_marker]


def _stored(versions: list[ObjectVersion], bodies: Iterable[bytes]) -> Iterator[Stored]:
    hidden = {version.key for version in versions if version.is_marker and version.is_latest}
    seen: set[str] = set()
    for version, body in zip(_with_content(versions), bodies, strict=True):
        yield Stored(version.key, version.id, body, version.key not in seen, version.key in hidden)
        seen.add(version.key)


def _is_written(head: Head | None, sequence: int) -> bool:
    return head is not None and (sequence <= head.sequence or sequence in head.written)
