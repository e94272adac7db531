"""What grants and rejections amount to."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from resources.approval import record
from resources.approval.rules import ApprovalRequest, Decision, Person, RequestState, Tally, newest_grant
from resources.config.environment import Approval, Environment
from resources.context import Context

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
DAY = 86400
REQUEST = ApprovalRequest("prod", "sha256:abc", 1, NOW, "user:ida", "run-1")
TWO = Approval(before="applications", approvers=2)


@dataclass
class People:
    """Whoever is not named here may not decide; `user:x` and `session:x` are the same human."""

    voters: set[str] = field(default_factory=lambda: {"user:ida", "user:alice", "session:alice", "user:bob"})

    def voter(self, arn: str, at: dt.datetime) -> Person | str:
        name = arn.partition(":")[2]
        return Person(self.key(arn), name) if arn in self.voters else "it is not in approval.allow"

    def key(self, arn: str) -> str:
        return f"user:{arn.partition(':')[2]}"

    def initiator_fault(self, arn: str) -> str:
        return "" if arn in self.voters else "it is nobody"

    def is_sender(self, arn: str, sender: str) -> bool:
        return sender == f"AIDA{arn}"


def vote(writer: str, minutes: float = 1, verdict: str = "approve", **other: object) -> Decision:
    made = Decision(writer, NOW + dt.timedelta(minutes=minutes), verdict, REQUEST.id, REQUEST.digest, "because")
    return replace(made, **other)  # type: ignore[arg-type]


def judge(*votes: Decision, approval: Approval = TWO, after: float = 10) -> RequestState:
    now = NOW + dt.timedelta(minutes=after)
    return Tally(REQUEST, approval, DAY, People(), now).state(votes)


def test_request_is_granted_by_required_number_of_people() -> None:
    """A request waits until as many people have approved it as the environment requires."""
    one = judge(vote("user:alice"))
    assert (one.status, one.missing, one.approvers) == ("waiting", 1, ("alice",))
    both = judge(vote("user:alice"), vote("user:bob", 2))
    assert (both.status, both.approvers) == ("granted", ("alice", "bob"))
    assert both.decided == NOW + dt.timedelta(minutes=2)
    assert both.until == NOW + dt.timedelta(minutes=1, seconds=DAY)


@pytest.mark.parametrize(
    ("votes", "why"),
    [
        ([vote("user:alice"), vote("user:alice", 2)], "the same person counts once"),
        ([vote("user:alice"), vote("session:alice", 2)], "the same person counts once"),
        ([vote("user:alice"), vote("user:ida", 2)], "whoever asked for approval cannot approve it"),
        ([vote("user:alice"), vote("user:mallory", 2)], "not in approval.allow"),
        ([vote("user:alice"), vote("user:bob", 2, digest="sha256:other")], "names another request"),
        ([vote("user:alice"), vote("user:bob", 2, request="other")], "names another request"),
        ([vote("user:alice"), vote("user:bob", 2, verdict="unreadable")], "it is neither approve nor reject"),
        ([vote("user:alice"), vote("user:bob", 2, seconds=60)], "expired"),
    ],
)
def test_vote_that_does_not_count_is_listed_with_reason(votes: list[Decision], why: str) -> None:
    """A vote that does not count leaves the request waiting, and the reason is kept."""
    state = judge(*votes)
    assert (state.status, state.approvers) == ("waiting", ("alice",))
    assert len(state.ignored) == 1
    assert re.search(why, state.ignored[0])


def test_initiator_may_approve_without_exclude_initiator() -> None:
    """With `exclude_initiator: false` the person who asked may approve."""
    lenient = Approval(before="applications", approvers=1, exclude_initiator=False)
    assert judge(vote("user:ida"), approval=lenient).status == "granted"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"initiator": "role:daemon"}, "it is nobody"),
        ({"through": "Dagster"}, "it was asked for through Dagster, which knows no users"),
    ],
)
def test_request_of_nobody_proved_takes_one_approver_more(asked: dict[str, str], why: str) -> None:
    """Where nobody proved who asked, one of the approvers may have: of one more, enough are others."""
    request = replace(REQUEST, **asked)  # type: ignore[arg-type]
    votes = [
        replace(vote(f"user:{name}", n), request=request.id) for n, name in enumerate(("alice", "bob", "carol"), 1)
    ]

    def stands(count: int, approval: Approval = TWO) -> RequestState:
        people = People({"user:alice", "user:bob", "user:carol"})
        return Tally(request, approval, DAY, people, NOW + dt.timedelta(minutes=10)).state(votes[:count])

    assert [(stands(n).status, stands(n).missing) for n in (2, 3)] == [("waiting", 1), ("granted", 0)]
    assert stands(3).decided == votes[2].at
    assert (stands(0).unproved, stands(0).needed(TWO)) == (why, 3)
    lenient = Approval(before="applications", approvers=2, exclude_initiator=False)
    assert (stands(2, lenient).status, stands(2, lenient).unproved) == ("granted", "")


def test_sender_of_deploy_request_cannot_approve() -> None:
    """Whoever sent the message that led to the request counts as who asked."""
    request = replace(REQUEST, through="Dagster", sender="AIDAuser:alice")
    cast_vote = replace(vote("user:alice"), request=request.id)
    state = Tally(request, TWO, DAY, People(), NOW + dt.timedelta(minutes=10)).state([cast_vote])
    assert state.approvers == ()
    assert "whoever asked for approval cannot approve it" in state.ignored[0]


def test_request_without_new_fields_keeps_its_id() -> None:
    """What is unset is no part of the document, so that requests of earlier versions keep their names."""
    assert set(REQUEST.document()) == {"environment", "digest", "number", "at", "initiator", "run"}
    named = replace(REQUEST, through="Dagster", sender="AIDA1")
    assert ApprovalRequest.of(named.document()) == named
    assert len({REQUEST.id, named.id, replace(named, sender="").id}) == 3


def test_votes_and_requests_expire() -> None:
    """A vote counts for a day after it was cast, and a request expires if it was never granted in time."""
    votes = vote("user:alice", 1), vote("user:bob", 60)
    assert judge(*votes, after=24 * 60).status == "granted"
    later = judge(*votes, after=24 * 60 + 2)
    assert (later.status, later.approvers) == ("waiting", ("bob",))
    assert judge(*votes, after=25 * 60 + 1).status == "expired"
    assert judge(after=24 * 60 + 1).status == "expired"


def test_rejection_is_final() -> None:
    """After a rejection no further approval changes the outcome."""
    state = judge(vote("user:alice"), vote("user:bob", 2, verdict="reject"), vote("user:ida", 3), vote("user:bob", 4))
    assert (state.status, state.by, state.reason) == ("rejected", "bob", "because")


def test_rejection_needs_right_to_approve() -> None:
    """A rejection by someone who may not approve does not count."""
    assert judge(vote("user:mallory", verdict="reject")).status == "waiting"


def test_vote_cannot_extend_its_own_life() -> None:
    """A vote that claims a longer life than the environment allows expires as every other."""
    assert judge(vote("user:alice", seconds=10 * DAY), vote("user:bob"), after=25 * 60).status == "expired"


def test_newest_grant_is_the_one_decided_last() -> None:
    """Of several requests the one that was decided last holds; nothing holds once it was rejected, used or expired."""

    def release(number: int, status: str, minutes: float) -> RequestState:
        decided = NOW + dt.timedelta(minutes=minutes)
        return RequestState(replace(REQUEST, number=number), status, (), 0, decided, decided)  # type: ignore[arg-type]

    def holding(*states: RequestState) -> int | None:
        grant = newest_grant(states)
        return grant.request.number if grant else None

    assert holding(release(1, "granted", 5), release(2, "granted", 3)) == 1
    assert holding(release(1, "granted", 5), release(2, "rejected", 6)) is None
    assert holding(release(1, "granted", 5), release(2, "used", 6)) is None
    assert holding(release(1, "granted", 5), RequestState(REQUEST, "waiting", (), 2, NOW)) == 1
    assert holding() is None
    expired = replace(release(2, "expired", 6))
    assert holding(release(1, "granted", 5), expired) is None


def test_expired_request_keeps_time_of_decision() -> None:
    """When a request was granted is known after its votes have expired."""
    votes = vote("user:alice"), vote("user:bob", 2), vote("session:alice", 3)
    state = judge(*votes, after=25 * 60)
    assert (state.status, state.decided) == ("expired", NOW + dt.timedelta(minutes=2))


def test_request_ends_two_lifetimes_after_it_was_made() -> None:
    """A request ends for good after twice the life of a vote; later votes are ignored."""
    late = 2 * 24 * 60 - 60
    held = judge(vote("user:alice", late), vote("user:bob", late), after=late + 30)
    assert (held.status, held.until) == ("granted", NOW + dt.timedelta(days=2))
    assert judge(vote("user:alice", late), vote("user:bob", late), after=late + 60).status == "expired"
    for decision in ("approve", "reject"):
        late_vote = judge(vote("user:alice", late), vote("user:bob", late + 61, decision), after=late + 62)
        assert late_vote.status == "expired"
        assert "it came after the request was over" in late_vote.ignored[-1]


def hours(number: float) -> dt.datetime:
    return NOW + dt.timedelta(hours=number)


def decide(request: ApprovalRequest, hour: float, *people: str, decision: str = "approve") -> list[Decision]:
    return [Decision(f"user:{person}", hours(hour), decision, request.id, request.digest) for person in people]


@pytest.mark.parametrize("ending", [("alice",), ("alice", "bob")], ids=["rejection", "newer grant"])
@pytest.mark.parametrize(("asked", "granted", "ended"), [(40, 46, 47), (1, 2, 3), (47, 47.5, 48), (40, 41, 48)])
def test_ended_grant_never_comes_back(
    asked: float,
    granted: float,
    ended: float,
    ending: tuple[str, ...],
    sandbox_env: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A grant that a newer grant or a rejection ended stays ended, also after that request has expired."""
    old, new = REQUEST, replace(REQUEST, number=2, digest="sha256:def", at=hours(asked))
    verdict = "approve" if len(ending) > 1 else "reject"
    votes = {new.id: decide(new, granted, "alice", "bob"), old.id: decide(old, ended, *ending, decision=verdict)}
    context = Context(sandbox_env.model_copy(update={"approval": TWO}), cast(Any, None))
    assert context.env.expires_seconds == DAY
    clock = [NOW]

    def in_window(_: object, window: float) -> list[ApprovalRequest]:
        return [request for request in (old, new) if clock[0] - dt.timedelta(hours=window) <= request.at <= clock[0]]

    answers: dict[str, Any] = {
        "server_time": lambda _: clock[0],
        "list_requests": in_window,
        "Approvers": lambda *_: People(),
        "list_decisions": lambda _, request: [vote for vote in votes[request.id] if vote.at <= clock[0]],
        "record_rejection": lambda *_: None,
        "load_rejection": lambda *_: None,
        "list_uses": lambda *_: {},
        "read_anchor": lambda _: None,
        "refuse_lesser_gate": lambda _: None,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(record, name, answer)

    def holds_at(hour: float) -> bool:
        clock[0] = hours(hour)
        grant = newest_grant(record.ApprovalRecord.read(context, TWO).states)
        return grant is not None and grant.request == new

    assert holds_at((granted + ended) / 2)
    assert not any(holds_at(ended + quarter / 4) for quarter in range(4 * 4 * 24))


def test_edited_request_has_another_id() -> None:
    """Changing a field of a request's document changes its id."""
    assert ApprovalRequest.of(REQUEST.document()).id == REQUEST.id
    assert ApprovalRequest.of({**REQUEST.document(), "initiator": "user:bob"}).id != REQUEST.id
