"""Everything that can happen to a gate, in any order, with the oracle beside it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from eks_assets.engine import provenance
from eks_assets.engine.approval_request import request_approval
from eks_assets.engine.runner import run_unit
from resources.approval.decisions import decision_json, decision_parameter_name, write_decision
from resources.approval.rules import ApprovalRequest
from resources.drivers.parameter import ParameterDriver
from resources.model.errors import AccessDenied, PipelineError
from resources.records.ledger import list_keys, read_key
from sandbox.people import APPROVERS
from tests.engine.gate_property.oracle import Asked, Oracle, Source, Step, Vote
from tests.engine.gate_property.world import LESS, LIFE, MORE, SSO, UNITS, Project, World

# Whom each identity proves; None: nobody who may decide.
DECIDERS: dict[str, str | None] = {
    **{name: name for name in APPROVERS},
    "oncall-named/alice/alice": "alice",
    "oncall-named/bob/bob": "bob",
    f"{SSO}/bob/bob": "bob",
    "oncall/alice/carol": None,
    "oncall/alice/dave": None,
    "root": None,
}
REFUSED = ("outsider", "initiator", "deployer", "planner")  # AWS takes no decision from them
ASKERS: dict[str, str | None] = {
    "root": None,
    "initiator": None,
    "oncall/alice/dave": None,
    "alice": "alice",
    "oncall-named/bob/bob": "bob",
}
SHORT = 10  # minutes of a decision that asks for less than the environment's life
FAULTS: dict[str, dict[str, Any]] = {
    "digest": {"digest": f"sha256:{'0' * 64}"},
    "request": {"release": "0" * 32},
    "short": {"seconds": SHORT * 60},
    "junk": {},
}
VALUES = st.sampled_from(["1", "2"])
# Sums of these never come near a life or two, so that the seconds that a test takes decide nothing.
PASSING = st.sampled_from([25, 61])
NUMBERS = itertools.count(1)


class Killed(BaseException):
    """The process ends here."""


class GateMachine(RuleBasedStateMachine):
    """Requests, decisions, edits, time, tampering, kills and runs of an environment with a gate."""

    world: ClassVar[World]

    @initialize(
        live=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        asker=st.sampled_from(["alice", "root", "alice", "initiator"]),
        agreeing=st.sampled_from([APPROVERS, ("bob", "carol"), APPROVERS, ("alice", "bob"), ("carol",)]),
        fault=st.sampled_from(["", "", "", "", "", "", "digest", "request"]),
    )
    def begin(self, live: tuple[bool, bool, bool], asker: str, agreeing: tuple[str, ...], fault: str) -> None:
        """An environment of its own, where everything earlier is over: what exists already, who asks, who approves, and
        what the last of them gets wrong."""
        self.world.pass_time(6 * LIFE)
        self.project = Project(self.world, f"example-{next(NUMBERS)}", dict.fromkeys(UNITS, "1"))
        self.oracle = Oracle(approvers=2, life=LIFE)
        self.latest: ApprovalRequest | None = None
        self.documents: dict[str, ApprovalRequest] = {}
        self.orders = itertools.count(1)
        self.is_broken = False
        for unit, exists in zip(UNITS, live, strict=True):
            if exists:
                self.project.write_by_hand(unit, "0")
        self.ask(asker)
        for name in agreeing[:-1] if fault else agreeing:
            self.decide(name, "approve")
        if fault:
            self.decide_wrongly(agreeing[-1], fault, 0)

    @property
    def now(self) -> float:
        return self.world.minutes

    @property
    def source(self) -> Source:
        return Source(self.project.commit, self.project.setting, self.project.terms)

    @rule(asker=st.sampled_from(sorted(ASKERS)))
    def ask(self, asker: str) -> None:
        """Somebody asks for approval of what is pending now."""
        lives = {unit: self.project.live(unit) for unit in UNITS}
        pending = {u: Step(lives[u], self.project.values[u]) for u in UNITS if self.is_pending(lives[u], u)}
        context = self.project.context()
        if context.env.approval is None:
            return
        try:
            with self.world.acting_as(asker), self.at_commit():
                asked = request_approval(self.project.registry(), context, context.env.approval)
        except PipelineError:
            # Where nobody proves who asks it takes one more, and the file may not name so many.
            lacks_people = not ASKERS[asker] and self.oracle.approvers >= len(APPROVERS)
            is_refused = self.is_spoiled or self.project.terms in LESS or lacks_people
            self.expect(is_refused, "asking failed, though nothing was wrong")
            return
        self.expect(self.project.terms not in LESS, "it was asked, though the file asks for less than was anchored")
        self.oracle.note_rejections()
        assert (asked.state is not None) == bool(pending)
        if asked.state is None:
            self.close_used()
            return
        self.latest = asked.state.request
        if self.latest.id not in self.documents:
            self.documents[self.latest.id] = self.latest
            self.oracle.asked[self.latest.id] = Asked(self.now, ASKERS[asker], self.source, pending)

    @rule(who=st.sampled_from(sorted(DECIDERS)))
    def approve(self, who: str) -> None:
        """Somebody who may write the parameter approves the newest request."""
        self.decide(who, "approve")

    @rule(who=st.sampled_from(sorted(DECIDERS)))
    def reject(self, who: str) -> None:
        """Somebody who may write the parameter rejects the newest request."""
        self.decide(who, "reject")

    def decide(self, who: str, verdict: Any) -> None:
        if self.latest is not None:
            write_decision(self.project.context(who), self.latest, verdict, "because")
            self.count(self.latest, who, verdict)

    @rule(asker=st.sampled_from(["alice", "root"]))
    def ask_and_agree(self, asker: str) -> None:
        """Somebody asks for approval of what is pending now, and as many people approve as it takes."""
        self.ask(asker)
        for name in ("bob", "carol") if ASKERS[asker] else APPROVERS:
            self.decide(name, "approve")

    @rule(who=st.sampled_from(APPROVERS), fault=st.sampled_from(sorted(FAULTS)), which=st.integers(0, 3))
    def decide_wrongly(self, who: str, fault: str, which: int) -> None:
        """Somebody approves what is no plan of the request, for a shorter time, or in no words of a decision."""
        if not self.documents:
            return
        requests = list(self.documents.values())
        request = requests[which % len(requests)]
        words = json.loads(decision_json(request, "approve", "because"))
        value = "approve" if fault == "junk" else json.dumps({**words, **FAULTS[fault]})
        ssm = self.world.session(who).client("ssm")
        name = decision_parameter_name(self.project.env, request.id)
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
        self.count(request, who, "approve", right=fault == "short", life=SHORT)

    @rule(who=st.sampled_from(REFUSED))
    def decide_without_right(self, who: str) -> None:
        """AWS takes no decision from somebody without the approver policy, nor from the pipeline."""
        if self.latest is not None:
            with pytest.raises(AccessDenied):
                write_decision(self.project.context(who), self.latest, "approve", "because")

    @rule(unit=st.sampled_from(UNITS), value=VALUES)
    def edit_value(self, unit: str, value: str) -> None:
        """The environment's file asks for another value."""
        self.project.values[unit] = value

    @rule(setting=st.integers(0, 1), commit=st.integers(0, 1))
    def edit_source(self, setting: int, commit: int) -> None:
        """The file changes in what no unit reads, or the code does."""
        self.project.setting, self.project.commit = setting, commit

    @rule(terms=st.sampled_from([*LESS, *MORE, "as anchored", "as anchored"]))
    def edit_gate(self, terms: str) -> None:
        """The file asks for another gate, or again for the anchored one."""
        self.project.terms = terms
        self.oracle.approvers = 3 if terms == "three approvers" else 2

    @rule(unit=st.sampled_from(UNITS), value=st.sampled_from(["0", "1", None]))
    def change_by_hand(self, unit: str, value: str | None) -> None:
        """Somebody writes the parameter past the pipeline."""
        self.project.write_by_hand(unit, value)

    @rule(minutes=PASSING)
    def pass_time(self, minutes: int) -> None:
        """AWS's clock goes on."""
        self.world.pass_time(minutes)

    @precondition(lambda self: self.documents)
    @rule(kind=st.sampled_from(["decisions", "request", "plan"]), which=st.integers(0, 3))
    def tamper(self, kind: str, which: int) -> None:
        """The account's administrator deletes decisions, or writes over an object of the ledger."""
        ids = list(self.documents)
        request, context = self.documents[ids[which % len(ids)]], self.project.context()
        if kind == "decisions":
            ssm = self.world.session("root").client("ssm")
            ssm.delete_parameters(Names=[decision_parameter_name(self.project.env, request.id)])
            self.oracle.asked[request.id].votes.clear()
            tampered = True
        elif kind == "request":
            (key,) = [key for key in list_keys(context, "requests/") if request.id in key]
            tampered = self.world.overwrite(key, json.dumps({**request.document(), "initiator": "nobody"}))
        else:
            key = f"releases/{request.digest.removeprefix('sha256:')}.json"
            document = json.loads(read_key(context, key))
            document["changes"][0]["fields"][0]["after"] = "2"
            tampered = self.world.overwrite(key, json.dumps(document))
        for one in self.oracle.asked.values():
            one.spoiled |= tampered

    @rule(unit=st.sampled_from(UNITS), dies=st.sampled_from(["no", "no", "before", "after"]))
    def run(self, unit: str, dies: str) -> None:
        """A run reaches a unit behind the gate, and may be killed right before or after its change."""
        before, wanted = self.project.live(unit), self.project.values[unit]
        refusal = self.oracle.refusal(unit, self.source, before, wanted, self.now)
        if self.project.terms in LESS:
            refusal = "the file asks for less than was anchored"
        applied = self.try_unit(unit, dies)
        changed = self.project.live(unit) != before
        self.expect(not (changed and refusal), f"{unit} became {wanted}, though {refusal}")
        if refusal or not self.is_pending(before, unit):
            return
        holding = self.oracle.holding(self.now)
        assert holding is not None
        if not holding.spoiled and not holding.closed:
            self.expect(applied, f"{unit} was not changed, though that was granted")
        if applied:
            holding.uses[unit] = "done" if dies == "no" else "started"

    def teardown(self) -> None:
        """Whatever has happened, a run reaches every unit in the end."""
        if not self.is_broken:
            for unit in UNITS:
                self.run(unit, "no")

    def try_unit(self, unit: str, dies: str) -> bool:
        """Run a unit: whether it came to its change."""
        registry, reached = self.project.registry(), []
        real = ParameterDriver.apply

        def apply(driver: Any, spec: Any, context: Any) -> None:
            reached.append(spec)
            if dies != "before":
                real(driver, spec, context)
            if dies != "no":
                raise Killed

        with pytest.MonkeyPatch.context() as patch, self.at_commit():
            patch.setattr(ParameterDriver, "apply", apply)
            try:
                run_unit(registry, registry[unit], self.project.context())
            except Killed:
                pass
            except PipelineError:
                assert not reached
        return bool(reached)

    @contextmanager
    def at_commit(self) -> Iterator[None]:
        """The project's code is at the example's commit."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(provenance, "source_commit", lambda _: f"{self.project.commit:040}")
            yield

    def expect(self, holds: bool, otherwise: str) -> None:
        self.is_broken = not holds
        assert holds, otherwise

    def is_pending(self, live: tuple[str, int] | None, unit: str) -> bool:
        return live is None or live[0] != self.project.values[unit]

    @property
    def is_spoiled(self) -> bool:
        return any(request.spoiled for request in self.oracle.asked.values())

    def close_used(self) -> None:
        """Nothing is pending: a grant under which something was done is used up."""
        holding = self.oracle.holding(self.now)
        if holding is not None and holding.uses:
            holding.closed = True

    def count(self, request: ApprovalRequest, who: str, verdict: str, right: bool = True, life: float = LIFE) -> None:
        vote = Vote(DECIDERS[who], verdict, right, self.now, life, next(self.orders))
        self.oracle.asked[request.id].votes.append(vote)
