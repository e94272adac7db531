"""What the decisions on an approval request amount to. Pure; who wrote them is AWS's word (`decisions.py`).

An **approval request** is one plan submitted for approval: the digest of the plan, and an id of its own, so that a
grant can be used once though the same plan may come up again. A **decision** is one version of the request's SSM
parameter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

from resources.config.environment import Approval
from resources.model.digests import hex_digest_of

Verdict = Literal["approve", "reject"]
Status = Literal["waiting", "granted", "rejected", "expired", "used", "closed"]
# SSM keeps 100 versions of a parameter: from so many on, the oldest may be gone before anybody has read it.
MOST_VERSIONS = 90
OPEN_LIVES = 2  # lives of a grant after which a request is over: nobody can decide on it, and its grants have ended
# What ended a grant must be read for as long as that could hold: the decisions of a grant that holds are of the last
# life, and what has ended it since was decided on a request that was open then.
LOOK_BACK_LIVES = OPEN_LIVES + 1
_OPTIONAL = ("through", "sender", "authors", "strangers")  # fields of a request that earlier versions do not have
UI_KEY = "pipeline"  # of the one voice that decisions from Dagster's launchpad have, whoever pressed


@dataclass(frozen=True)
class Person:
    """Someone whom AWS vouches for. `key` is the same for one human however they came in; `display_name` is for
    people."""

    key: str
    display_name: str


class Electorate(Protocol):
    """Who may decide: `voter` gives the person behind an ARN that wrote at that time, or the reason why it proves
    nobody who may; `key` the identity behind an ARN whether it may decide or not; `initiator_fault` why the ARN that
    asked proves no person that can be told from those who may decide, empty where it does; `is_sender` whether the
    identity behind an ARN is the one with an id that SQS names."""

    def voter(self, arn: str, at: dt.datetime) -> Person | str: ...

    def key(self, arn: str) -> str: ...

    def initiator_fault(self, arn: str) -> str: ...

    def is_sender(self, arn: str, sender: str) -> bool: ...


@dataclass(frozen=True)
class Authors:
    """Who wrote the commits that a plan deploys. `people`: of approval.people, as their signatures prove; `strangers`:
    how many commits prove nobody."""

    people: tuple[str, ...] = ()
    strangers: int = 0


NOBODY = Authors()


@dataclass(frozen=True)
class ApprovalRequest:
    """A plan submitted for approval. `initiator`: the ARN that asked; `number` counts the requests, so that two of one
    second have an order. `through`: what asked in somebody's place, such as Dagster, whoever may be behind it; empty
    where the initiator asked themself; `sender`: the id of whoever sent the deploy request that led to it, as SQS names
    it. `authors`, `strangers`: as in `Authors`, of what it deploys. Its `id` is a hash of all of this, so a request
    that was edited is another one, which nobody has approved."""

    environment: str
    digest: str
    number: int
    at: dt.datetime
    initiator: str
    run: str
    through: str = ""
    sender: str = ""
    authors: tuple[str, ...] = ()
    strangers: int = 0

    def document(self) -> dict[str, Any]:
        """As it is hashed and written; what is unset is left out, as requests of earlier versions have it."""
        fields = {name: value for name, value in vars(self).items() if value or name not in _OPTIONAL}
        lists = {"authors": list(self.authors)} if self.authors else {}
        return {**fields, **lists, "at": self.at.isoformat(timespec="seconds")}

    @property
    def id(self) -> str:
        return hex_digest_of(self.document())[:32]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ApprovalRequest:
        authors = tuple(document.get("authors", ()))
        return cls(**{**document, "at": cls.time(document["at"]), "authors": authors})

    @staticmethod
    def time(text: str) -> dt.datetime:
        """A time as the ledger writes it."""
        return dt.datetime.fromisoformat(text)


@dataclass(frozen=True)
class Decision:
    """One decision. `writer` and `at` are AWS's; the rest is what was written: `verdict` should be a Verdict, `request`
    and `digest` name what it is about, `seconds` is a shorter life if one was asked for. `version`: AWS's number of it
    in the history of the parameter; `is_to_expire`: whether AWS was told with it to delete the parameter some time."""

    writer: str
    at: dt.datetime
    verdict: str
    request: str
    digest: str
    reason: str = ""
    seconds: int | None = None
    version: int | None = None
    is_to_expire: bool = False


@dataclass(frozen=True)
class RequestState:
    """How an approval request stands. `approvers`: people whose grants count now; `ignored`: decisions and objects of
    the ledger that do not count, and why. `until`: when the first of the counting grants (or, while waiting, the
    request) expires; `decided`: when it was granted, rejected or closed; `reason`: the rejecter's words, or why it is
    closed; `unproved`: of one that has not ended, why nobody proved who asked, so that it takes one approver more."""

    request: ApprovalRequest
    status: Status
    approvers: tuple[str, ...]
    missing: int
    until: dt.datetime
    decided: dt.datetime | None = None
    by: str = ""
    reason: str = ""
    ignored: tuple[str, ...] = ()
    unproved: str = ""

    def needed(self, approval: Approval) -> int:
        """How many people it takes."""
        return approval.approvers + bool(self.unproved)


@dataclass(frozen=True)
class Tally:
    """Counts the decisions on one request. `lifetime`: seconds that a grant holds; `now` by AWS's clock."""

    request: ApprovalRequest
    approval: Approval
    lifetime: int
    electorate: Electorate
    now: dt.datetime

    def state(self, decisions: Iterable[Decision]) -> RequestState:
        """How the request stands. A rejection ends it for good, and so does a history that may have lost one."""
        decisions = sorted(decisions, key=lambda d: d.at)
        state = self._weighed(decisions)
        if state.status == "rejected":
            return state
        if fault := describe_history_fault(decisions):
            last = max(d.at for d in decisions if d.version is not None)
            missing = self.approval.approvers
            return RequestState(self.request, "closed", (), missing, last, last, reason=fault, ignored=state.ignored)
        return replace(state, unproved=self.unproved)

    def _weighed(self, decisions: list[Decision]) -> RequestState:
        grants: dict[str, tuple[Person, Decision]] = {}
        first_approvals: dict[str, dt.datetime] = {}
        ignored: list[str] = []
        for decision in decisions:
            person = self.electorate.voter(decision.writer, decision.at)
            fault = person if isinstance(person, str) else self._fault(decision, person)
            if isinstance(person, Person) and not fault and decision.verdict == "approve":
                first_approvals.setdefault(person.key, decision.at)
                if (end := self._end(decision)) <= self.now:
                    fault = f"it expired at {_clock_text(end)}"
            if fault or isinstance(person, str):
                ignored.append(f"{decision.verdict} by {decision.writer}: {fault}")
            elif decision.verdict == "reject":
                return self._rejected(decision, person, ignored)
            else:
                if person.key in grants:
                    ignored.append(f"an earlier approval by {person.display_name}: the same person counts once")
                grants[person.key] = (person, decision)
        # The N-th person is who decided, not the last one that joined in. It counts for what it supersedes even when
        # the grants have expired since.
        in_order, needed = sorted(first_approvals.values()), self._needed
        decided = in_order[needed - 1] if len(in_order) >= needed else None
        return replace(self._counted(list(grants.values())), decided=decided, ignored=tuple(ignored))

    @cached_property
    def unproved(self) -> str:
        """As `describe_unproved` says of the request."""
        request = self.request
        authors = Authors(request.authors, request.strangers)
        return describe_unproved(self.approval, self.electorate, request.initiator, request.through, authors)

    @property
    def _needed(self) -> int:
        return self.approval.approvers + bool(self.unproved)

    @property
    def _over(self) -> dt.datetime:
        return self.request.at + OPEN_LIVES * dt.timedelta(seconds=self.lifetime)

    def _end(self, decision: Decision) -> dt.datetime:
        seconds = min(self.lifetime, decision.seconds or self.lifetime)
        return min(self._over, decision.at + dt.timedelta(seconds=seconds))

    def _fault(self, decision: Decision, person: Person) -> str:
        """Why the decision does not count; empty where it does."""
        if decision.request != self.request.id or decision.digest != self.request.digest:
            return f"it names another request ({decision.digest[:19]}, {decision.request[:8]})"
        if decision.at > self._over:
            return f"it came after the request was over at {_clock_text(self._over)}"
        if decision.verdict == "reject":
            return ""
        if decision.verdict != "approve":
            return "it is neither approve nor reject"
        if not self.approval.exclude_initiator:
            return ""
        if self._has_asked(decision, person):
            return "whoever asked for approval cannot approve it"
        kinds = {key.partition(":")[0] for key in (self.electorate.key(self.request.initiator), person.key)}
        if len(kinds) > 1 and not (self.unproved or self.request.authors) and person.key != UI_KEY:
            return "it is another kind of identity than that of whoever asked, who may be the same person"
        return ""

    def _has_asked(self, decision: Decision, person: Person) -> bool:
        if person.key in (self.electorate.key(self.request.initiator), *map(person_key, self.request.authors)):
            return True
        return bool(self.request.sender) and self.electorate.is_sender(decision.writer, self.request.sender)

    def _rejected(self, decision: Decision, person: Person, ignored: list[str]) -> RequestState:
        return RequestState(
            self.request,
            "rejected",
            (),
            self.approval.approvers,
            decision.at,
            decision.at,
            person.display_name,
            decision.reason,
            tuple(ignored),
        )

    def _counted(self, grants: list[tuple[Person, Decision]]) -> RequestState:
        approvers = tuple(sorted(person.display_name for person, _ in grants))
        missing = max(0, self._needed - len(grants))
        asked_until = self.request.at + dt.timedelta(seconds=self.lifetime)
        until = min([self._end(decision) for _, decision in grants], default=asked_until)
        if not missing:
            return RequestState(self.request, "granted", approvers, 0, until)
        status: Status = "waiting" if self.now < max(asked_until, until) else "expired"
        return RequestState(self.request, status, approvers, missing, until)


def person_key(name: str) -> str:
    """The key of a person of approval.people."""
    return f"person:{name}"


def describe_unproved(
    approval: Approval, electorate: Electorate, initiator: str, through: str, authors: Authors = NOBODY
) -> str:
    """Why nobody proved who asks; empty where somebody did, or where whoever asks may approve. Who is not proved cannot
    be told from the approvers: of one more than are needed, enough are others. Whoever signed all that is deployed has
    asked for it, whatever launched it."""
    if not approval.exclude_initiator:
        return ""
    if authors.strangers:
        return f"of what it deploys {_commits(authors.strangers)} signed by nobody of approval.people"
    if authors.people:
        return ""
    if through:
        return f"it was asked for through {through}, which knows no users"
    return electorate.initiator_fault(initiator)


def describe_history_fault(decisions: Iterable[Decision]) -> str:
    """Why the decisions on a request cannot be trusted to be all that there were; empty where they can."""
    numbered = {d.version: d for d in decisions if d.version is not None}
    if not numbered:
        return ""
    newest = max(numbered)
    if newest >= MOST_VERSIONS:
        return f"its history has {newest} versions, and AWS keeps 100"
    if lost := [number for number in range(1, newest + 1) if number not in numbered]:
        return f"its history has gaps: of {newest} versions {len(lost)} are lost, the first is number {lost[0]}"
    if expiring := [d for d in numbered.values() if d.is_to_expire]:
        return f"AWS was told to delete its decisions, by {expiring[0].writer}"
    return ""


def newest_grant(states: Iterable[RequestState]) -> RequestState | None:
    """The grant that holds: the one decided last. A rejection or a closing ends every request that was granted before
    it."""
    decided = sorted((s for s in states if s.decided is not None), key=lambda s: s.decided or s.until)
    return decided[-1] if decided and decided[-1].status == "granted" else None


def _commits(number: int) -> str:
    return "one commit is" if number == 1 else f"{number} commits are"


def _clock_text(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
