"""What grants and rejections of a release amount to. Pure; who wrote them is AWS's word (`decisions.py`).

A **release** is one plan put up for approval: the digest of the plan, and a request of its own, so that a grant can be
used once though the same plan may come up again. A **vote** is one version of the release's SSM parameter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from resources.config.environment import Approval
from resources.model.digests import hex_digest_of

Decision = Literal["approve", "reject"]
Status = Literal["waiting", "granted", "rejected", "expired", "used"]
OPEN_LIVES = 2  # lives of a grant after which a release is over: nobody can decide on it, and its grants have ended
# What ended a grant must be seen for as long as that could hold: the votes of a grant that holds are of the last life,
# and what has ended it since was decided on a release that was open then.
LOOK_BACK_LIVES = OPEN_LIVES + 1


@dataclass(frozen=True)
class Person:
    """Someone whom AWS vouches for. `key` is the same for one human however they came in; `shown` is for people."""

    key: str
    shown: str


class Electorate(Protocol):
    """Who may decide: `voter` gives the person behind an ARN, or the reason why it proves nobody who may; `key` the
    identity behind an ARN whether it may decide or not."""

    def voter(self, arn: str) -> Person | str: ...

    def key(self, arn: str) -> str: ...


@dataclass(frozen=True)
class Request:
    """A plan put up for approval. `initiator`: the ARN of whoever asked; `number` counts the requests, so
    that two of one second have an order. Its `id` is a hash of all of this, so a request that was edited is another
    one, which nobody has approved."""

    environment: str
    digest: str
    number: int
    at: dt.datetime
    initiator: str
    run: str

    def document(self) -> dict[str, Any]:
        return {**vars(self), "at": self.at.isoformat(timespec="seconds")}

    @property
    def id(self) -> str:
        return hex_digest_of(self.document())[:32]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Request:
        return cls(**{**document, "at": cls.time(document["at"])})

    @staticmethod
    def time(text: str) -> dt.datetime:
        """A time as the ledger writes it."""
        return dt.datetime.fromisoformat(text)


@dataclass(frozen=True)
class Vote:
    """One decision. `writer` and `at` are AWS's; the rest is what was written. `seconds`: a shorter life if asked."""

    writer: str
    at: dt.datetime
    decision: str
    release: str
    digest: str
    reason: str = ""
    seconds: int | None = None


@dataclass(frozen=True)
class Standing:
    """How a release stands. `approvers`: people whose grants count now; `ignored`: votes that do not count, and why.
    `until`: when the first of the counting grants (or, while waiting, the request) expires; `decided`: when it was
    granted or rejected; `reason`: the rejecter's words."""

    request: Request
    status: Status
    approvers: tuple[str, ...]
    missing: int
    until: dt.datetime
    decided: dt.datetime | None = None
    by: str = ""
    reason: str = ""
    ignored: tuple[str, ...] = ()


def evaluate(
    request: Request,
    votes: Iterable[Vote],
    approval: Approval,
    lifetime: int,
    electorate: Electorate,
    now: dt.datetime,
) -> Standing:
    """How the release stands at `now` (AWS's clock). `lifetime`: seconds that a grant holds. A rejection
    ends a release for good."""
    over = request.at + OPEN_LIVES * dt.timedelta(seconds=lifetime)
    grants: dict[str, tuple[Person, Vote]] = {}
    ever: dict[str, dt.datetime] = {}
    ignored: list[str] = []
    for vote in sorted(votes, key=lambda v: v.at):
        person = electorate.voter(vote.writer)
        fault = _fault(vote, request, person, approval, electorate, over)
        if isinstance(person, Person) and not fault and vote.decision == "approve":
            ever.setdefault(person.key, vote.at)
            if (end := _ends(vote, lifetime, over)) <= now:
                fault = f"it expired at {end:%Y-%m-%d %H:%M:%S} UTC"
        if fault:
            ignored.append(f"{vote.decision} by {vote.writer}: {fault}")
        elif isinstance(person, Person) and vote.decision == "reject":
            return Standing(
                request, "rejected", (), approval.approvers, vote.at, vote.at, person.shown, vote.reason, tuple(ignored)
            )
        elif isinstance(person, Person):
            if person.key in grants:
                ignored.append(f"an earlier approval by {person.shown}: the same person counts once")
            grants[person.key] = (person, vote)
    found = _counted(request, list(grants.values()), ignored, approval, lifetime, over, now)
    # The N-th person is who decided, not the last one that joined in. It counts for what it supersedes even when the
    # grants have expired since.
    decided = sorted(ever.values())[approval.approvers - 1] if len(ever) >= approval.approvers else None
    return replace(found, decided=decided)


def _fault(
    vote: Vote,
    request: Request,
    person: Person | str,
    approval: Approval,
    electorate: Electorate,
    over: dt.datetime,
) -> str:
    if isinstance(person, str):
        return person
    if vote.release != request.id or vote.digest != request.digest:
        return f"it names another release ({vote.digest[:19]}, {vote.release[:8]})"
    if vote.at > over:
        return f"it came after the release was over at {over:%Y-%m-%d %H:%M:%S} UTC"
    if vote.decision == "reject":
        return ""
    if vote.decision != "approve":
        return "it is neither approve nor reject"
    if approval.exclude_initiator and electorate.key(request.initiator) == person.key:
        return "whoever asked for a release cannot approve it"
    return ""


def _ends(vote: Vote, lifetime: int, over: dt.datetime) -> dt.datetime:
    return min(over, vote.at + dt.timedelta(seconds=min(lifetime, vote.seconds or lifetime)))


def _counted(
    request: Request,
    grants: list[tuple[Person, Vote]],
    ignored: list[str],
    approval: Approval,
    lifetime: int,
    over: dt.datetime,
    now: dt.datetime,
) -> Standing:
    approvers = tuple(sorted(person.shown for person, _ in grants))
    missing = max(0, approval.approvers - len(grants))
    asked_until = request.at + dt.timedelta(seconds=lifetime)
    until = min([_ends(vote, lifetime, over) for _, vote in grants], default=asked_until)
    if not missing:
        return Standing(request, "granted", approvers, 0, until, ignored=tuple(ignored))
    status: Status = "waiting" if now < max(asked_until, until) else "expired"
    return Standing(request, status, approvers, missing, until, ignored=tuple(ignored))


def newest_granted(standings: Iterable[Standing]) -> Standing | None:
    """The grant that holds: the one decided last. A rejection ends every release that was granted before it."""
    decided = sorted((s for s in standings if s.decided is not None), key=lambda s: s.decided or s.until)
    return decided[-1] if decided and decided[-1].status == "granted" else None
