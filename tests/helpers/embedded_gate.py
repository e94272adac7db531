"""The gate's harness on an embedded AWS of a test's own: an account that has never been through a gate, in a second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eks_assets.engine.approval_request import PendingApproval, request_approval
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit, unit
from resources.aws.session import Aws, Source
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Approval, Environment, Roles
from resources.context import Context
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter, Stack
from sandbox.account import ACCOUNT
from sandbox.credentials import Keys
from sandbox.paths import StateDirectory, read_json
from sandbox.people import ensure_people
from tests.helpers.embedded_aws_server import Aws as Server
from tests.helpers.embedded_aws_server import policy, resource
from tests.helpers.gate import PEOPLE, Gate


@dataclass
class EmbeddedGate(Gate):
    """Units before the gate: `rights`, a stack with a role and a queue, `dependent` on it, and what a test puts
    into `more`; behind it the parameter `first`."""

    endpoint: str = ""
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def registry(self) -> Registry:
        """The units as the environment's file has them now."""
        allowed = policy(self.values["rights"], Resource="*")
        trust = policy(Principal={"Service": "ec2.amazonaws.com"})
        policies = [{"PolicyName": "a", "PolicyDocument": allowed}]
        role = resource("IAM::Role", AssumeRolePolicyDocument=trust, Policies=policies)
        queue = resource("SQS::Queue", VisibilityTimeout=int(self.values["size"]))

        @unit(wave="network")
        def rights(env: Environment) -> Stack[NoOutputs]:
            """A role and a queue."""
            tags = {"team": self.values["tag"]}
            return Stack[NoOutputs](template={"Resources": {"AppRole": role, "Queue": queue}}, tags=tags)

        @unit(wave="cluster", after=[rights])
        def dependent(env: Environment) -> Stack[NoOutputs]:
            """A queue that comes after the role."""
            return Stack[NoOutputs](template={"Resources": {"Queue": queue}})

        @unit(wave="applications")
        def first(env: Environment) -> Parameter[NoOutputs]:
            """The first parameter."""
            return Parameter[NoOutputs](name=self.path("first"), value=self.values["first"])

        units: list[AnyUnit] = [rights, dependent, first]
        if self.more:

            @unit(wave="cluster")
            def more(env: Environment) -> Stack[NoOutputs]:
                """What is switched on later."""
                return Stack[NoOutputs](template={"Resources": self.more})

            units.append(more)
        return Registry.of(units)

    def ask(self, keys: Keys | None = None, **how: str) -> PendingApproval:
        return request_approval(self.registry(), self.context(), self.approval, **how)

    def as_person(self, name: str) -> Context:
        keys = self.keys[name]
        source = Source(self.env.region, self.endpoint, keys["access_key_id"], keys["secret_access_key"])
        return Context(self.env, Aws(self.env, source, as_deployer=False))


@dataclass(frozen=True)
class GateAccount:
    """An embedded AWS in which each test can have an environment of its own."""

    server: Server
    people: dict[str, dict[str, str]]

    def gate(self, env: Environment, name: str) -> EmbeddedGate:
        """A gate before the applications, of which two of the sandbox's people may decide, in a new environment."""
        # Who may do what is the roles' own test; here whoever deploys and asks is the administrator.
        approval = Approval(before="applications", approvers=2, allow=PEOPLE, exclude_initiator=False)
        own_env = env.model_copy(update={"target_env": name, "roles": Roles(), "approval": approval})
        apply_bootstrap(own_env)
        values = {"first": "1", "rights": "s3:GetObject", "size": "30", "tag": "a"}
        return EmbeddedGate(own_env, name, values, f"http://127.0.0.1:{self.server.port}", self.people)


@contextmanager
def gate_account(region: str, folder: Path) -> Iterator[GateAccount]:
    """A running embedded AWS with the people of the sandbox, for which the program takes it until the block ends."""
    server = Server(folder).start()
    state, endpoint = StateDirectory(folder), f"http://127.0.0.1:{server.port}"
    try:
        ensure_people(state, endpoint)
        root = {"access_key_id": "AKIAROOT", "secret_access_key": "root-secret"}
        account = {"aws_endpoint": endpoint, "region": region, "account": ACCOUNT}
        absent = dict.fromkeys(("supervisor_url", "registry", "tools"), "")
        state.state.write_text(json.dumps({**account, **absent, "credentials": {"root": root}}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EKS_ASSETS_SANDBOX_DIR", str(folder))
            yield GateAccount(server, read_json(state.people))
    finally:
        server.stop()
