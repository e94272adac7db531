"""What people have granted, counted a second time, simply, from docs/approvals.md; shares no code with the gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Live = tuple[str, int] | None  # value and version of a parameter; None where it does not exist


@dataclass(frozen=True)
class Source:
    """What a plan is a plan of, besides the values: the code and the environment's files."""

    commit: int
    setting: int
    terms: str


@dataclass(frozen=True)
class Step:
    """One unit of a plan: what it starts from and what it is to become."""

    start: Live
    value: str


@dataclass(frozen=True)
class Vote:
    """One decision that AWS has taken. `human`: whom it proves, None for nobody who may decide; `right`: whether it
    names this request and this plan; `life`: minutes; `order`: counts all decisions."""

    human: str | None
    verdict: str
    right: bool
    at: float
    life: float
    order: int


@dataclass
class Asked:
    """A request. `asker`: the human who asked, None where nobody is proved, so that it takes one approver more;
    `uses`: how far units have come under it; `closed`: nothing was left to do under it; `noted`: the order of its
    rejection, once the pipeline has read that; `spoiled`: somebody with an administrator's rights has tampered with it,
    so that it may be worth nothing."""

    at: float
    asker: str | None
    source: Source
    steps: dict[str, Step]
    votes: list[Vote] = field(default_factory=list)
    uses: dict[str, Literal["started", "done"]] = field(default_factory=dict)
    closed: bool = False
    noted: int | None = None
    spoiled: bool = False


@dataclass(frozen=True)
class Standing:
    """How a request stands: `order` of the decision that granted or rejected it, and whether the grant holds."""

    order: int
    holds: bool


@dataclass
class Oracle:
    """All requests of one environment. `approvers`: how many different people it takes; `life`: minutes of a grant."""

    approvers: int
    life: float
    asked: dict[str, Asked] = field(default_factory=dict)

    def standing(self, request: Asked, now: float) -> Standing | None:
        """None while it was neither granted nor rejected."""
        if request.noted is not None:
            return Standing(request.noted, holds=False)
        over = request.at + 2 * self.life
        votes = [vote for vote in request.votes if vote.human and vote.right and vote.at <= over]
        for vote in votes:
            if vote.verdict == "reject":
                return Standing(vote.order, holds=False)
        first: dict[str, int] = {}
        counting: set[str] = set()
        for vote in votes:
            if vote.verdict == "approve" and vote.human and vote.human != request.asker:
                first.setdefault(vote.human, vote.order)
                if min(vote.at + min(vote.life, self.life), over) > now:
                    counting.add(vote.human)
        needed = self.approvers + (request.asker is None)
        if len(first) < needed:
            return None
        return Standing(sorted(first.values())[needed - 1], holds=len(counting) >= needed)

    def holding(self, now: float) -> Asked | None:
        """The request whose grant holds: the one that was decided last."""
        standings = [(request, self.standing(request, now)) for request in self.asked.values()]
        decided = [(standing, request) for request, standing in standings if standing is not None]
        if not decided:
            return None
        standing, newest = max(decided, key=lambda pair: pair[0].order)
        return newest if standing.holds else None

    def refusal(self, unit: str, source: Source, live: Live, value: str, now: float) -> str:
        """Why nobody has granted that the unit goes from what is live to the value now; empty where it is granted."""
        request = self.holding(now)
        if request is None:
            return "no grant holds"
        if request.uses.get(unit) == "done":
            return "the grant was used for this unit"
        if request.source != source:
            return "the code or the files are not what was approved"
        step = request.steps.get(unit)
        if step is None or step.value != value:
            return "this change was not approved"
        if unit not in request.uses and step.start != live:
            return "it does not start from what was approved"
        if step.start is not None and live is None:
            return "an update was approved, and it would be created"
        return ""

    def note_rejections(self) -> None:
        """The pipeline has read all decisions; a rejection stays, whatever becomes of its parameter."""
        for request in self.asked.values():
            rejecting = {vote.order for vote in request.votes if vote.verdict == "reject"}
            standing = self.standing(request, now=0)
            if standing is not None and standing.order in rejecting:
                request.noted = standing.order
