"""A small release on real parts: two parameters behind a gate, AWS's own word on who wrote what, the real ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from eks_assets.engine.approval_request import PendingApproval, request_approval
from eks_assets.engine.runner import Result, run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.approval.decisions import write_decision
from resources.approval.record import read_request_state
from resources.approval.rules import ApprovalRequest, RequestState
from resources.aws.session import Aws, Source
from resources.bootstrap.gate import anchor_json, make_anchor
from resources.config.environment import Approval, Environment
from resources.config.names import gate_parameter
from resources.context import Context
from resources.model.outputs import NoOutputs, Outputs
from resources.model.specs import Parameter
from sandbox.credentials import Keys, credentials, session

USERS, SESSIONS = "arn:aws:iam::000000000000:user/", "arn:aws:sts::000000000000:assumed-role/"
PEOPLE = (f"{USERS}alice", f"{USERS}bob", f"{USERS}carol", f"{SESSIONS}oncall/*", f"{SESSIONS}oncall-named/*")


class FirstOutputs(Outputs):
    """What the first parameter holds."""

    value: str


@dataclass
class Gate:
    """An environment with a gate, whose units are two parameters: `first`, and `second` that comes after it."""

    env: Environment
    name: str
    values: dict[str, str] = field(default_factory=lambda: {"first": "1", "second": "1"})

    def registry(self) -> Registry:
        """The units as the environment's file has them now."""

        @unit(wave="applications")
        def first(env: Environment) -> Parameter[NoOutputs]:
            """The first parameter."""
            return Parameter[NoOutputs](name=self.path("first"), value=self.values["first"])

        @unit(wave="observability", after=[first])
        def second(env: Environment) -> Parameter[NoOutputs]:
            """The second parameter."""
            return Parameter[NoOutputs](name=self.path("second"), value=self.values["second"])

        return Registry.of([first, second])

    def path(self, which: str) -> str:
        return self.env.parameter_path(f"gate-test/{self.name}/{which}")

    @property
    def approval(self) -> Approval:
        assert self.env.approval is not None
        return self.env.approval

    def anchor(self) -> None:
        """The account's administrator anchors the gate as it is now, as bootstrap does."""
        context = Context(self.env, Aws(self.env, as_deployer=False))
        self.write_anchor(anchor_json(make_anchor(context)))

    def write_anchor(self, text: str) -> None:
        ssm = self.as_person("root").aws.client("ssm")
        ssm.put_parameter(Name=gate_parameter(self.env), Value=text, Type="String", Overwrite=True)

    def context(self, run: str = "run-1") -> Context:
        return Context.of(self.env, run_id=run)

    def ask(self, keys: Keys | None = None, **how: str) -> PendingApproval:
        """As `initiator`, or whoever has the keys, asks at the command line; `how`: see `request_approval`."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (keys or credentials("initiator")).variables().items():
                patch.setenv(name, value)
            return request_approval(self.registry(), self.context(), self.approval, **how)

    def request(self) -> ApprovalRequest:
        state = self.ask().state
        assert state is not None
        return state.request

    def decide(self, request: ApprovalRequest, *people: str, verdict: Any = "approve") -> RequestState:
        """Each of them writes the decision with their own keys."""
        for person in people:
            write_decision(self.as_person(person), request, verdict, f"{person} says so")
        return read_request_state(self.context(), request, self.approval)

    def as_person(self, name: str) -> Context:
        keys = credentials(name)
        source = replace(
            Source.of(self.env),
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
            session_token=keys.session_token,
        )
        return Context(self.env, Aws(self.env, source, as_deployer=False))

    def run(self, which: str, run: str = "run-1") -> Result:
        registry = self.registry()
        return run_unit(registry, registry[which], self.context(run))

    def stored(self, which: str) -> str | None:
        found = self.context().aws.client("ssm").get_parameters(Names=[self.path(which)])["Parameters"]
        return str(found[0]["Value"]) if found else None

    def as_session(self, role: str, name: str) -> Context:
        """alice, having taken a role under a session name."""
        keys = session(role, "alice", name)
        source = replace(
            Source.of(self.env),
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
            session_token=keys.session_token,
        )
        return Context(self.env, Aws(self.env, source, as_deployer=False))
