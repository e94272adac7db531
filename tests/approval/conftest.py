"""An account of the embedded AWS that is bootstrapped, with the sandbox's people in it; no cluster, no git."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from resources.approval.record import read_request_state
from resources.approval.rules import ApprovalRequest, RequestState
from resources.approval.store import create_request, publish_plan
from resources.aws.session import Aws, Source
from resources.bootstrap import stack as bootstrap_stack
from resources.config.environment import Approval, Environment
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.model.outputs import plain_document
from sandbox.account import ROOT_KEY, ROOT_SECRET
from sandbox.paths import StateDirectory, read_json
from sandbox.people import ensure_people
from tests.helpers.embedded_aws_server import Aws as Server

USERS = "arn:aws:iam::000000000000:user/"


@dataclass
class Account:
    """The environment's account: the ledger as the deployer has it, and clients as people."""

    env: Environment
    endpoint: str
    keys: dict[str, dict[str, str]] = field(repr=False)
    clients: dict[tuple[str, bool], Aws] = field(default_factory=dict, repr=False)

    @property
    def approval(self) -> Approval:
        assert self.env.approval is not None
        return self.env.approval

    @property
    def bucket(self) -> str:
        return ledger_bucket(self.env)

    def aws(self, who: str, *, as_deployer: bool = False) -> Aws:
        if (who, as_deployer) not in self.clients:
            root = {"access_key_id": ROOT_KEY, "secret_access_key": ROOT_SECRET}
            source = Source(self.env.region, self.endpoint, **self.keys.get(who, root))
            self.clients[who, as_deployer] = Aws(self.env, source, as_deployer=as_deployer)
        return self.clients[who, as_deployer]

    def context(self, progress: Any = lambda _: None) -> Context:
        """As the pipeline, which `initiator` has started."""
        return Context(self.env, self.aws("initiator", as_deployer=True), progress, "run-1")

    def context_of(self, person: str) -> Context:
        """As that person, who takes no role."""
        return Context(self.env, self.aws(person))

    def ask(self, plan: str, initiator: str = f"{USERS}initiator") -> ApprovalRequest:
        context = self.context()
        digest = publish_plan(context, {"plan": plan})
        return create_request(context, digest, initiator, [])

    def state(self, request: ApprovalRequest) -> RequestState:
        return read_request_state(self.context(), request, self.approval)

    def plant(self, key: str, body: bytes) -> None:
        """An object as the deployer can write one."""
        self.context().aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")


@pytest.fixture(scope="package")
def aws_account(tmp_path_factory: pytest.TempPathFactory, sandbox_env: Environment) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    server = Server(folder).start()
    server.deploy("bootstrap", plain_document(bootstrap_stack.build_bootstrap_template(sandbox_env))["Resources"])
    endpoint, state = f"http://127.0.0.1:{server.port}", StateDirectory(folder / "sandbox")
    state.root.mkdir(parents=True)
    ensure_people(state, endpoint)
    gated = sandbox_env.model_copy(update={"approval": Approval(before="applications", approvers=2, ui=True)})
    yield Account(gated, endpoint, read_json(state.people))
    server.stop()
