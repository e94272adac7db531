"""Approval in the ledger: the plans submitted for it, the requests, the rejections, and what was done under a grant.

    releases/<digest>.json              a plan behind the gate, immutable, named by its own SHA-256 (RFC 8785 JSON)
    requests/<time>-<id>.json           "please approve that digest": who asked, when, how often before
    rejections/<id>.json                a rejection that the pipeline has read; nobody can take it back
    uses/<id>/<unit>.{started,done}.json   what was done under the grant, so that each unit goes through it once

Nothing here is ever overwritten, and the pipeline has no right to delete it. What an edited object says is not
believed: its name is its hash.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from resources.approval.rules import ApprovalRequest
from resources.context import Context
from resources.model.digests import digest_of
from resources.model.errors import ApprovalStale, NotFound
from resources.records import ledger
from resources.records.clock import server_time

Use = Literal["started", "done"]


def publish_plan(context: Context, document: Mapping[str, Any]) -> str:
    """Write a plan's document under its digest, and return that."""
    digest = digest_of(document)
    ledger.write_once(context, _plan_key(digest), document)
    return digest


def load_plan(context: Context, digest: str) -> bytes:
    """The document of the plan with that digest, as JSON. Raises NotFound; ApprovalStale where what is stored there is
    something else."""
    body = ledger.read_key(context, _plan_key(digest))
    stored = digest_of(json.loads(body))
    if stored != digest:
        raise ApprovalStale(
            f"the plan {digest[:19]} in the ledger was changed after it was written: it hashes to {stored[:19]}",
            next_step=f"find out who wrote to the ledger, then: eks-assets deploy {context.env.name}",
        )
    return body


def create_request(
    context: Context, digest: str, initiator: str, earlier: Iterable[ApprovalRequest]
) -> ApprovalRequest:
    """Write a new request for a digest. `earlier`: the requests there are."""
    number = 1 + max((request.number for request in earlier), default=0)
    request = ApprovalRequest(context.env.name, digest, number, server_time(context), initiator, context.run_id or "")
    ledger.write_once(context, f"requests/{_stamp(request.at)}-{request.id}.json", request.document())
    return ApprovalRequest.of(request.document())


def list_requests(context: Context, hours: float) -> list[ApprovalRequest]:
    """The requests of the last so many hours, oldest first. One whose content is not what its name says is left out:
    nobody can have approved it."""
    since = _stamp(server_time(context) - dt.timedelta(hours=hours))
    requests = []
    for key in ledger.list_keys(context, "requests/", f"requests/{since}"):
        request = ApprovalRequest.of(json.loads(ledger.read_key(context, key)))
        if key.endswith(f"-{request.id}.json") and request.environment == context.env.name:
            requests.append(request)
        else:
            context.progress(f"the ledger's {key} was changed after it was written; it counts for nothing")
    # AWS's clock tells seconds, and two may be asked for in one.
    return sorted(requests, key=lambda request: (request.at, request.number))


def record_rejection(context: Context, request: ApprovalRequest, at: dt.datetime, by: str, reason: str) -> None:
    """Keep a rejection, whatever becomes of the parameter that it was written to."""
    rejection = {"at": at.isoformat(timespec="seconds"), "by": by, "reason": reason}
    ledger.write_once(context, f"rejections/{request.id}.json", rejection)


def load_rejection(context: Context, request: ApprovalRequest) -> dict[str, str] | None:
    """The rejection that was kept, with `at`, `by` and `reason`."""
    try:
        rejection: dict[str, str] = json.loads(ledger.read_key(context, f"rejections/{request.id}.json"))
    except NotFound:
        return None
    return rejection


def list_uses(context: Context, request: ApprovalRequest) -> dict[str, Use]:
    """How far each unit has come under the grant."""
    marks = [key.rpartition("/")[2].split(".")[:2] for key in ledger.list_keys(context, f"uses/{request.id}/")]
    return {unit: "done" if [unit, "done"] in marks else "started" for unit, _ in marks}


def record_use(context: Context, request: ApprovalRequest, unit: str, use: Use) -> bool:
    """Record that a unit has `started` or is `done` under the grant; False where that was recorded before."""
    by = {"by": context.run_id or "no run"}
    return ledger.write_once(context, f"uses/{request.id}/{unit}.{use}.json", by)


def _plan_key(digest: str) -> str:
    return f"releases/{digest.removeprefix('sha256:')}.json"


def _stamp(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
