"""Releases in the ledger: the plans put up for approval, the requests, and what has been done under a grant.

    releases/<digest>.json              a plan behind the gate, immutable, named by its own SHA-256 (RFC 8785 JSON)
    requests/<time>-<id>.json           "please approve that digest": who asked, when, how often before
    rejections/<id>.json                a rejection that the pipeline has seen; nobody can take it back
    uses/<id>/<unit>.{started,done}.json   what was done under the grant, so that each unit goes through it once

Nothing here is ever overwritten, and the pipeline has no right to delete it. What an edited object says is not
believed: its name is its hash.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any

from resources.approval.rules import Request
from resources.context import Context
from resources.model.digests import digest_of
from resources.model.errors import ApprovalStale, NotFound
from resources.records import ledger
from resources.records.clock import server_time


def publish(context: Context, document: Mapping[str, Any]) -> str:
    """Write a plan under its digest, and return that."""
    digest = digest_of(document)
    ledger.write_once(context, _release_key(digest), document)
    return digest


def published(context: Context, digest: str) -> dict[str, Any]:
    """The plan with that digest. Raises NotFound; ApprovalStale where what is stored there is something else."""
    body = ledger.read(context, _release_key(digest))
    found: dict[str, Any] = json.loads(body)
    if digest_of(found) != digest:
        raise ApprovalStale(
            f"the plan {digest[:19]} in the ledger was changed after it was written: it hashes to "
            f"{digest_of(found)[:19]}",
            next_step=f"find out who wrote to the ledger, then: eks-assets deploy {context.env.name}",
        )
    return found


def ask(context: Context, digest: str, initiator: str, earlier: Iterable[Request]) -> Request:
    """A new request for a digest. `earlier`: the requests there are."""
    number = 1 + max((request.number for request in earlier), default=0)
    request = Request(context.env.name, digest, number, server_time(context), initiator, context.run_id or "")
    ledger.write_once(context, f"requests/{_stamp(request.at)}-{request.id}.json", request.document())
    return Request.of(request.document())


def requests(context: Context, hours: float) -> list[Request]:
    """The requests of the last so many hours, oldest first. One whose content is not what its name says is left out:
    nobody can have approved it."""
    since = _stamp(server_time(context) - dt.timedelta(hours=hours))
    found = []
    for key in ledger.keys(context, "requests/", f"requests/{since}"):
        request = Request.of(json.loads(ledger.read(context, key)))
        if key.endswith(f"-{request.id}.json") and request.environment == context.env.name:
            found.append(request)
        else:
            context.progress(f"the ledger's {key} was changed after it was written; it counts for nothing")
    # AWS's clock tells seconds, and two may be asked for in one.
    return sorted(found, key=lambda request: (request.at, request.number))


def note_rejection(context: Context, request: Request, at: dt.datetime, by: str, reason: str) -> None:
    """Keep a rejection, whatever becomes of the parameter that it was written to."""
    words = {"at": at.isoformat(timespec="seconds"), "by": by, "reason": reason}
    ledger.write_once(context, f"rejections/{request.id}.json", words)


def noted_rejection(context: Context, request: Request) -> dict[str, str] | None:
    """The rejection that was kept, with `at`, `by` and `reason`."""
    try:
        found: dict[str, str] = json.loads(ledger.read(context, f"rejections/{request.id}.json"))
    except NotFound:
        return None
    return found


def uses(context: Context, request: Request) -> dict[str, str]:
    """How far each unit has come under the grant: `started` or `done`."""
    marks = [key.rpartition("/")[2].split(".")[:2] for key in ledger.keys(context, f"uses/{request.id}/")]
    return {unit: "done" if [unit, "done"] in marks else "started" for unit, _ in marks}


def mark(context: Context, request: Request, unit: str, how: str) -> bool:
    """Note that a unit has `started` or is `done` under the grant; False where that was noted before."""
    by = {"by": context.run_id or "no run"}
    return ledger.write_once(context, f"uses/{request.id}/{unit}.{how}.json", by)


def _release_key(digest: str) -> str:
    return f"releases/{digest.removeprefix('sha256:')}.json"


def _stamp(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
