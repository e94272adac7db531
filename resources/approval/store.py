"""Approval in the ledger: the plans submitted for it, the requests, their endings, and what was done under a grant.

    releases/<digest>.json              a plan behind the gate, immutable, named by its own SHA-256 (RFC 8785 JSON)
    requests/<time>-<id>.json           "please approve that digest": who asked, when, how often before
    rejections/<id>.json                a rejection that the pipeline has read; nobody can take it back
    rejections/<id>.closed.json         a request whose decisions can no longer be trusted to be all; the same
    uses/<id>/<unit>.{started,done}.json   what was done under the grant, so that each unit goes through it once

The bucket refuses to overwrite or to delete anything here. What an object of a plan or of a request says is not
believed: its name is its hash. Of the others every version counts, so that nothing written later takes them back.
An object of another shape counts for nothing and is named; where it has the name of a good one, that gets `.2` to it.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from resources.approval.rules import NOBODY, ApprovalRequest, Authors
from resources.config.allowed_identities import PersonName
from resources.config.field_types import Model
from resources.context import NO_RUN, Context
from resources.model.digests import digest_of
from resources.model.errors import AlreadyThere, ApprovalStale
from resources.records import ledger
from resources.records.clock import server_time

Use = Literal["started", "done"]
Ended = Literal["rejected", "closed"]
ALL_UNITS = "all"  # in place of a unit: nothing more may be done under the grant
LAST_NUMBER = 1_000_000
SMALL = 64 * 1024  # bytes; what is larger is none of these documents, and half of it is no JSON
READERS = 8  # threads
MOST_NAMES = 100  # tries for a name that no object of another shape has
_NUMBERED = r"(\.\d+)?\.json"
CLOCKS_APART = dt.timedelta(minutes=5)


class RequestDocument(Model):
    """An approval request as the ledger has it."""

    environment: str
    digest: str
    number: int = Field(ge=1, le=LAST_NUMBER)
    at: AwareDatetime
    initiator: str
    run: str
    through: str = ""
    sender: str = ""
    authors: tuple[PersonName, ...] = ()
    strangers: int = Field(default=0, ge=0)


class Ending(Model):
    """A rejection, or the closing of a request, that was kept."""

    at: AwareDatetime
    by: str
    reason: str


class UseDocument(Model):
    """That a unit has been `started`, or is `done`, under a grant. `by`: the run."""

    by: str


Document = TypeVar("Document", bound=Model)


def parse_document(kind: type[Document], body: bytes) -> Document | None:
    """The document; None where it is no JSON of that shape."""
    try:
        return kind.model_validate_json(body, strict=True)
    except ValidationError:
        return None


def name_ignored(context: Context, key: str, reason: str) -> None:
    """Say that an object of the ledger counts for nothing."""
    context.progress(f"the ledger's {key!a} counts for nothing: {reason}")


def publish_plan(context: Context, document: Mapping[str, Any]) -> str:
    """Write a plan's document under its digest, and return that."""
    digest = digest_of(document)
    for key in _names(_plan_stem(digest)):
        if ledger.write_once(context, key, document) or _digest_under(context, key) == digest:
            break
    return digest


def load_plan(context: Context, digest: str) -> bytes:
    """The document of the plan with that digest, as JSON. Raises NotFound; ApprovalStale where what is stored there is
    something else."""
    body = ledger.read_key(context, f"{_plan_stem(digest)}.json")
    if (stored := _digest_of_body(body)) == digest:
        return body
    for key in ledger.list_keys(context, f"{_plan_stem(digest)}."):
        body = ledger.read_key(context, key)
        if _digest_of_body(body) == digest:
            return body
    raise ApprovalStale(
        f"the plan {digest[:19]} in the ledger was changed after it was written: "
        f"{f'it hashes to {stored[:19]}' if stored else 'it is no JSON any more'}",
        next_step=f"find out who wrote to the ledger, then: eks-assets deploy {context.env.name}",
    )


def _digest_under(context: Context, key: str) -> str:
    return _digest_of_body(ledger.read_key(context, key))


def _digest_of_body(body: bytes) -> str:
    """The digest of a document; empty where it is none."""
    try:
        return digest_of(json.loads(body))
    except (ValueError, RecursionError):  # no JSON, or none that has a digest
        return ""


def create_request(
    context: Context,
    digest: str,
    initiator: str,
    earlier: Iterable[ApprovalRequest],
    through: str = "",
    sender: str = "",
    authors: Authors = NOBODY,
) -> ApprovalRequest:
    """Write a new request for a digest. `earlier`: the requests there are; the others as in `ApprovalRequest`."""
    number = min(LAST_NUMBER, 1 + max((request.number for request in earlier), default=0))
    now, run = server_time(context), context.run_id or ""
    asked = (initiator, run, through, sender, authors.people, authors.strangers)
    request = ApprovalRequest(context.env.name, digest, number, now, *asked)
    ledger.write_once(context, _request_key(request), request.document())
    return ApprovalRequest.of(request.document())


def list_requests(context: Context, hours: float) -> list[ApprovalRequest]:
    """The requests of the last so many hours, oldest first. One whose content is not what its name says is left out:
    nobody can have approved it."""
    now = server_time(context)
    since = now.replace(microsecond=0) - dt.timedelta(hours=hours)
    requests = []
    for key in ledger.list_keys(context, "requests/", f"requests/{_stamp(since)}"):
        document = parse_document(RequestDocument, ledger.read_key(context, key, limit=SMALL))
        if document is None:
            name_ignored(context, key, "it is no approval request")
        elif not since <= document.at <= now + CLOCKS_APART:
            name_ignored(context, key, "it is of another time than its name says")
        elif key != _request_key(request := ApprovalRequest(**vars(document))):
            name_ignored(context, key, "it was changed after it was written")
        elif request.environment != context.env.name:
            name_ignored(context, key, f"it is of the environment {request.environment!a}")
        else:
            requests.append(request)
    # AWS's clock tells seconds, and two may be asked for in one.
    return sorted(requests, key=lambda request: (request.at, request.number))


def record_rejection(
    context: Context, request: ApprovalRequest, at: dt.datetime, by: str, reason: str, status: Ended = "rejected"
) -> None:
    """Keep a rejection, or that a request was closed, whatever becomes of the parameter with its decisions."""
    stem = f"rejections/{request.id}" + (".closed" if status == "closed" else "")
    # To the fraction: what was granted earlier in the same second is ended by it, too.
    ending = {"at": at.isoformat(), "by": by, "reason": reason}
    _write_document(context, Ending, stem, ending)


def load_rejection(context: Context, request: ApprovalRequest) -> dict[str, str] | None:
    """The rejection that was kept, with `at`, `by` and `reason`: the one that was written first. Where there is none,
    the closing that was kept, with the `status` closed."""
    names = re.compile(rf"rejections/{request.id}(?P<closed>\.closed)?{_NUMBERED}")
    endings: dict[str, dict[str, str]] = {}
    for key, version in ledger.list_versions(context, f"rejections/{request.id}."):
        match = names.fullmatch(key)
        if match is None:
            _ignore_name(context, key)
        elif ending := _read_document(context, Ending, key, version):
            kept = {"at": ending.at.isoformat(), "by": ending.by, "reason": ending.reason}
            endings.setdefault("closed" if match["closed"] else "rejected", kept)
    closed = {**endings["closed"], "status": "closed"} if "closed" in endings else None
    return endings.get("rejected") or closed


def list_uses(context: Context, request: ApprovalRequest) -> dict[str, Use]:
    """How far each unit has come under the grant."""
    names = re.compile(rf"uses/{request.id}/(?P<unit>[^/.]+)\.(?P<use>started|done){_NUMBERED}")
    marks = []
    for key, version in ledger.list_versions(context, f"uses/{request.id}/"):
        if match := names.fullmatch(key):
            marks.append((match, key, version))
        else:
            _ignore_name(context, key)
    with ThreadPoolExecutor(READERS) as pool:  # a grant has two marks for each unit
        read = pool.map(lambda mark: _read_document(context, UseDocument, *mark[1:]), marks)
        good = [match for (match, _, _), document in zip(marks, read, strict=True) if document]
    done = [match["unit"] for match in good if match["use"] == "done"]
    return {**{match["unit"]: "started" for match in good}, **dict.fromkeys(done, "done")}


def has_uses(context: Context) -> bool:
    """Whether anything was ever done under a grant, in any environment that shares the ledger."""
    return ledger.has_keys(context, "uses/")


def record_use(context: Context, request: ApprovalRequest, unit: str, use: Use) -> bool:
    """Record that a unit has `started` or is `done` under the grant; False where that was recorded before."""
    by = {"by": context.run_id or NO_RUN}
    return _write_document(context, UseDocument, f"uses/{request.id}/{unit}.{use}", by)


def _write_document(context: Context, kind: type[Model], stem: str, document: Mapping[str, Any]) -> bool:
    """Write a document unless one of its kind is there already; whether it was written."""
    for key in _names(stem):
        if ledger.write_once(context, key, document):
            return True
        versions = ledger.list_versions(context, key)
        if any(_read_document(context, kind, name, version) for name, version in versions if name == key):
            return False
    raise AlreadyThere(
        f"the ledger has {MOST_NAMES} objects of another shape under {stem}",
        next_step="find out who wrote them; an administrator can remove them",
    )


def _read_document(context: Context, kind: type[Document], key: str, version: str) -> Document | None:
    """A version of an object as the document that it should be; None, and said, where it is none."""
    document = parse_document(kind, ledger.read_key(context, key, version, SMALL))
    if document is None:
        name_ignored(context, key, "its content is not what its name says")
    return document


def _ignore_name(context: Context, key: str) -> None:
    name_ignored(context, key, "nothing of that name belongs there")


def _names(stem: str) -> Iterator[str]:
    """The key of a document, and those to take where objects of another shape have it."""
    yield f"{stem}.json"
    yield from (f"{stem}.{number}.json" for number in range(2, MOST_NAMES + 1))


def _plan_stem(digest: str) -> str:
    return f"releases/{digest.removeprefix('sha256:')}"


def _request_key(request: ApprovalRequest) -> str:
    return f"requests/{_stamp(request.at)}-{request.id}.json"


def _stamp(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
