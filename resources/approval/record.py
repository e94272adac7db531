"""The approval record of an environment: everything that its gate decides on, read once.

Reading writes nothing. What has to be kept, so that nobody can take it back, is written by the three methods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from resources.approval.decisions import list_decisions
from resources.approval.electorate import Approvers
from resources.approval.least_gate import refuse_lesser_gate, require_anchor
from resources.approval.rules import LOOK_BACK_LIVES, ApprovalRequest, RequestState, Tally, newest_grant
from resources.approval.store import (
    ALL_UNITS,
    Ended,
    Use,
    has_uses,
    list_requests,
    list_uses,
    load_rejection,
    record_rejection,
    record_use,
)
from resources.bootstrap.gate import read_anchor
from resources.config.environment import Approval
from resources.context import Context
from resources.model.errors import AccessDenied
from resources.records.clock import server_time
from resources.support.memory_cache import CacheKey

_HAS_PASSED: CacheKey[bool] = CacheKey("whether the environment has been through its gate")


@dataclass(frozen=True)
class ApprovalRecord:
    """`states`: the requests that can still matter, oldest first, also those that are over while what they ended could
    hold; `uses`: by request id, how far each unit has come under its grant; `ignored`: objects among the requests that
    are none."""

    context: Context
    states: tuple[RequestState, ...]
    uses: Mapping[str, Mapping[str, Use]]
    ignored: tuple[str, ...] = ()

    @classmethod
    def read(cls, context: Context, approval: Approval) -> ApprovalRecord:
        """All of it as it is now, by AWS's clock. Raises GateNotAnchored where the file asks for less than the anchored
        gate, AccessDenied, Transient."""
        refuse_lesser_gate(context)
        hours = LOOK_BACK_LIVES * context.env.expires_seconds / 3600
        ignored: list[str] = []
        requests = list_requests(replace(context, progress=ignored.append), hours)
        for line in ignored:
            context.progress(line)
        read = [_read_state(context, request, approval) for request in requests]
        uses = {state.request.id: uses for state, uses in read}
        return cls(context, tuple(state for state, _ in read), uses, tuple(ignored))

    @property
    def grant(self) -> RequestState | None:
        """The grant that holds; None where there is none."""
        return newest_grant(self.states)

    def uses_of(self, request: ApprovalRequest) -> Mapping[str, Use]:
        """How far each unit has come under the request's grant."""
        return self.uses.get(request.id, {})

    def record_rejections(self) -> None:
        """Keep the rejections that were read, and the closings, whatever becomes of the parameters that they were
        written to."""
        for state in self.states:
            if state.status in ("rejected", "closed"):
                record_ending(self.context, state)

    def record_start(self, request: ApprovalRequest, unit: str) -> None:
        """Note that the unit is about to be changed under the grant."""
        record_use(self.context, request, unit, "started")

    def record_end(self, request: ApprovalRequest, unit: str, approved: Collection[str]) -> None:
        """Note that the unit is changed, and where it was the last of those `approved`, that the grant is used up."""
        record_use(self.context, request, unit, "done")
        # Other units go through the gate at the same time: what they have done since counts.
        done = {name for name, use in list_uses(self.context, request).items() if use == "done"}
        if set(approved) <= done | {ALL_UNITS}:
            record_grant_used(self.context, request)


def read_request_state(context: Context, request: ApprovalRequest, approval: Approval) -> RequestState:
    """How a request stands now, by AWS's clock. A rejection that was kept counts, whatever its parameter says now."""
    return _read_state(context, request, approval)[0]


def _read_state(
    context: Context, request: ApprovalRequest, approval: Approval
) -> tuple[RequestState, Mapping[str, Use]]:
    """How a request stands, and how far units have come under its grant."""
    ignored: list[str] = []
    reading = replace(context, progress=ignored.append)
    electorate = Approvers(context, approval, read_anchor(context))
    tally = Tally(request, approval, context.env.expires_seconds, electorate, server_time(context))
    state, uses = tally.state(list_decisions(reading, request)), list_uses(reading, request)
    kept = load_rejection(reading, request) if state.status != "rejected" else None
    if kept is not None:
        at = ApprovalRequest.time(kept["at"])
        state = replace(
            state,
            status="closed" if kept.get("status") == "closed" else "rejected",
            approvers=(),
            missing=approval.approvers,
            unproved="",
            until=at,
            decided=at,
            by=kept["by"],
            reason=kept["reason"],
        )
    elif state.status != "rejected" and ALL_UNITS in uses:
        state = replace(state, status="used")
    return replace(state, ignored=(*state.ignored, *dict.fromkeys(ignored))), uses


def record_ending(context: Context, state: RequestState) -> None:
    """Keep that a request was rejected or closed."""
    status: Ended = "closed" if state.status == "closed" else "rejected"
    record_rejection(context, state.request, state.decided or state.until, state.by, state.reason, status)


def check_gate(context: Context) -> None:
    """Raises GateNotAnchored where the file asks for less than the anchored gate, and where its gate is not anchored at
    all: nothing new is submitted then, and only a grant of before goes on. Also AccessDenied, Transient."""
    refuse_lesser_gate(context)
    approval = context.env.approval
    if approval is None or ApprovalRecord.read(context, approval).grant is None:
        require_anchor(context)


def has_passed_gate(context: Context) -> bool:
    """Whether the environment has been through its gate once. The ledger is only ever added to, so nobody can take
    that back. True for a role that may not read it, such as an older planner. Raises Transient."""

    def ask() -> bool:
        try:
            return has_uses(context)
        except AccessDenied:
            return True

    return context.cache.get(_HAS_PASSED, ask)


def record_grant_used(context: Context, request: ApprovalRequest) -> None:
    """Nothing more may be done under the grant."""
    record_use(context, request, ALL_UNITS, "done")
