"""Objects in the ledger that are none of it: they count for nothing, are named, and neither open nor close anything."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from resources.approval.decisions import list_decisions, write_decision, write_ui_decision
from resources.approval.record import ApprovalRecord
from resources.approval.rules import ApprovalRequest
from resources.approval.store import (
    LAST_NUMBER,
    create_request,
    list_requests,
    list_uses,
    load_plan,
    publish_plan,
    record_rejection,
    record_use,
)
from resources.model.digests import digest_of
from resources.model.errors import ApprovalStale
from resources.records.clock import server_time
from resources.records.ledger import list_keys
from tests.approval.conftest import USERS, Account

JUNK = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "object": b"{}",
    "not-utf-8": b'{"by": "\xff", "at": "\xfe", "reason": ""}',
    "deep": b"[" * 100_000,
    "digits": b"9" * 5000,
    "huge": b" " * 3_000_000 + b'{"by": "me"}',
    "not-a-number": b'{"by": NaN}',
    "wrong-types": b'{"by": 1, "at": 2, "reason": []}',
    "naive-time": b'{"by": "me", "at": "2026-11-25T12:00:00", "reason": ""}',
    "half-a-character": b'{"by": "\\ud800", "at": "2026-11-25T12:00:00Z", "reason": ""}',
    "unknown-field": b'{"by": "me", "at": "2026-11-25T12:00:00Z", "reason": "", "status": "granted"}',
}


def approve(aws_account: Account, request: ApprovalRequest, *people: str) -> None:
    for person in people:
        write_decision(aws_account.context_of(person), request, "approve", "fine")


def test_junk_neither_ends_nor_uses_request(aws_account: Account) -> None:
    """Junk under each name that belongs to a request leaves it as it is; each is named once among what is ignored."""
    request = aws_account.ask("junk")
    stems = (f"rejections/{request.id}", f"rejections/{request.id}.closed", f"uses/{request.id}/all.done")
    planted = {f"{stem}.{number}.json": body for stem in stems for number, body in enumerate(JUNK.values())}
    planted |= {f"ui-votes/{request.id}/{name}.json": body for name, body in JUNK.items()}
    planted |= {f"{stem}.json": b"null" for stem in stems}
    planted |= {key: b'{"by": "me"}' for key in (f"rejections/{request.id}.odd.json", f"uses/{request.id}/nothing")}
    for key, body in planted.items():
        aws_account.plant(key, body)
    state = aws_account.state(request)
    assert (state.status, state.missing) == ("waiting", 2)
    assert sorted(line.split("'")[2] for line in state.ignored) == sorted(planted)
    approve(aws_account, request, "alice", "bob")
    assert aws_account.state(request).status == "granted"


def test_what_counts_is_kept_where_junk_has_its_name(aws_account: Account) -> None:
    """A rejection, a use and a plan whose names junk has already are kept all the same, and only once."""
    request, context = aws_account.ask("kept"), aws_account.context()
    for key in (f"uses/{request.id}/first.done.json", f"rejections/{request.id}.json"):
        aws_account.plant(key, b"null")
    assert record_use(context, request, "first", "done")
    assert not record_use(context, request, "first", "done")
    assert list_uses(context, request) == {"first": "done"}
    for _ in range(2):
        record_rejection(context, request, server_time(context), "alice", "no")
    assert len(list_keys(context, f"rejections/{request.id}")) == 2
    state = aws_account.state(request)
    assert (state.status, state.by, state.reason) == ("rejected", "alice", "no")


@pytest.mark.parametrize("name", ["null", "deep", "not-utf-8", "not-a-number"])
def test_plan_is_published_beside_junk(name: str, aws_account: Account) -> None:
    """What has the name of a plan and is none does not keep the plan from being published and approved."""
    context, document = aws_account.context(), {"plan": f"planted {name}"}
    aws_account.plant(f"releases/{digest_of(document).removeprefix('sha256:')}.json", JUNK[name])
    with pytest.raises(ApprovalStale, match="was changed after it was written"):
        load_plan(context, digest_of(document))
    assert publish_plan(context, document) == publish_plan(context, document)
    assert json.loads(load_plan(context, digest_of(document))) == document


def objects_among_requests(aws_account: Account) -> dict[str, bytes]:
    """What is no request of the environment, by key."""
    now = server_time(aws_account.context())
    good = ApprovalRequest(aws_account.env.name, digest_of({}), 1, now, f"{USERS}x", "")
    other = replace(good, environment="other")
    forged: dict[str, Any] = {
        "number-of-text": {"number": "1"},
        "number-without-end": {"number": 10**300},
        "number-without-hash": {"number": 2**60},
        "no-digest": {"digest": None},
        "another-name": {"number": 2},
        "naive-time": {"at": f"{now:%Y-%m-%dT%H:%M:%S}"},
        "end-of-time": {"at": "9999-12-31T23:59:59-23:59"},
        "begin-of-time": {"at": "0001-01-01T00:00:00+23:59"},
        "more-fields": {"approved": True},
    }
    bodies = {name: json.dumps({**good.document(), **fields}).encode() for name, fields in forged.items()}
    stamp = f"{now:%Y-%m-%dT%H-%M-%SZ}"
    return {
        **{f"requests/{stamp}-{name}.json": body for name, body in {**JUNK, **bodies}.items()},
        f"requests/{stamp}-{other.id}.json": json.dumps(other.document()).encode(),
        "requests/zzz": json.dumps(good.document()).encode(),
    }


def test_junk_among_requests_is_named_and_ignored(aws_account: Account) -> None:
    """Whatever lies among the requests, the others are read, and each thing that is none is named once."""
    request = aws_account.ask("among junk")
    planted = objects_among_requests(aws_account)
    for key, body in planted.items():
        aws_account.plant(key, body)
    said: list[str] = []
    record = ApprovalRecord.read(aws_account.context(said.append), aws_account.approval)
    assert request.id in {state.request.id for state in record.states}
    assert len(record.ignored) == len(planted)
    assert said == list(record.ignored)
    assert sum("of the environment 'other'" in line for line in record.ignored) == 1
    assert {state.status for state in record.states if state.request.id == request.id} == {"waiting"}


def test_numbers_of_requests_have_an_end(aws_account: Account) -> None:
    """A request with the last number does not keep the next one from being read."""
    context = aws_account.context()
    last = ApprovalRequest(aws_account.env.name, digest_of({}), LAST_NUMBER, server_time(context), f"{USERS}x", "")
    request = create_request(context, digest_of({"plan": "after the last"}), f"{USERS}x", [last])
    assert request.id in {one.id for one in list_requests(context, 1)}


def test_rejection_stays_where_administrator_overwrites_or_deletes_it(aws_account: Account) -> None:
    """Every version counts: neither another content nor a delete marker takes back what was written first."""
    context = aws_account.context()
    s3 = aws_account.aws("root").client("s3")
    for undo in ("overwrite", "delete"):
        request = aws_account.ask(f"undone by {undo}")
        record_rejection(context, request, server_time(context), "alice", "no")
        record_use(context, request, "first", "done")
        for key in (f"rejections/{request.id}.json", f"uses/{request.id}/first.done.json"):
            if undo == "overwrite":
                s3.put_object(Bucket=aws_account.bucket, Key=key, Body=b"null")
            else:
                s3.delete_object(Bucket=aws_account.bucket, Key=key)
        approve(aws_account, request, "alice", "bob")
        assert aws_account.state(request).status == "rejected"
        assert list_uses(context, request) == {"first": "done"}


def test_decision_of_dagster_ui_is_read_beside_junk(aws_account: Account) -> None:
    """A decision from the launchpad counts, whatever lies beside it; one of the future does not."""
    request, context = aws_account.ask("ui"), aws_account.context()
    future = {"decision": "reject", "digest": request.digest, "release": request.id, "reason": "", "at": "9999-12-31"}
    aws_account.plant(f"ui-votes/{request.id}/9.json", json.dumps({**future, "at": "9999-12-31T23:59:59Z"}).encode())
    write_ui_decision(context, request, "approve", "fine")
    assert [decision.verdict for decision in list_decisions(context, request)] == ["approve"]
    assert aws_account.state(request).approvers == ("the Dagster UI",)
