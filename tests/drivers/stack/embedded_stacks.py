"""Stacks on an embedded AWS of a test's own: no Kubernetes behind its EKS, so it starts in a second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resources.aws.session import Aws, Source
from resources.config.environment import Environment, Roles
from resources.config.names import ledger_bucket, permissions_boundary
from resources.context import Context
from resources.drivers.stack.driver import StackDriver
from resources.model.change import Change, Observed
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack
from tests.helpers.embedded_aws_server import EVERYTHING
from tests.helpers.embedded_aws_server import Aws as Server

STACK = "demo-sandbox-own"


class Stacks:
    """The driver at work on one stack, and the administrator's client beside it."""

    def __init__(self, env: Environment, server: Server) -> None:
        self.server = server
        self.said: list[str] = []
        self.ignored: set[str] = set()  # paths of findings that the environment's file would set aside
        source = Source(env.region, f"http://127.0.0.1:{server.port}", "AKIAROOT", "root-secret")
        # Who may do what is the bootstrap's own test; here everybody is the administrator.
        self.env = env.model_copy(update={"roles": Roles()})
        self.context = Context(self.env, Aws(self.env, source, as_deployer=False), self.said.append)
        self.cloudformation = self.context.aws.client("cloudformation")
        self.make_ledger()
        self.make_boundary()

    def make_ledger(self) -> None:
        """The ledger's bucket, empty."""
        where: Any = {"LocationConstraint": self.env.region}
        self.context.aws.client("s3").create_bucket(Bucket=ledger_bucket(self.env), CreateBucketConfiguration=where)

    def make_boundary(self) -> None:
        """The boundary that bootstrap would make, which the roles of our templates name; it limits nothing."""
        name = permissions_boundary(self.env)
        self.context.aws.client("iam").create_policy(PolicyName=name, PolicyDocument=json.dumps(EVERYTHING))

    def spec(self, resources: dict[str, Any], **more: Any) -> Stack[NoOutputs]:
        return Stack[NoOutputs](name=STACK, template={"Resources": resources}, **{"protected": False, **more})

    def plan(self, spec: Stack[Any]) -> Change:
        return StackDriver().plan(spec, self.observed(spec))

    def preview(self, spec: Stack[Any]) -> Change:
        driver, observed = StackDriver(), self.observed(spec)
        return driver.preview(spec, observed, driver.plan(spec, observed), self.context)

    def observed(self, spec: Stack[Any]) -> Observed | None:
        """The stack as a new command sees it."""
        self.context.cache.clear()
        driver = StackDriver()
        return driver.observe_drift(
            spec, driver.observe(spec, self.context), self.context, lambda f: f.field.path in self.ignored
        )

    def deploy(self, spec: Stack[Any]) -> None:
        StackDriver().apply(spec, self.context)

    def change_sets(self) -> dict[str, str]:
        """Execution status by name."""
        summaries = self.cloudformation.list_change_sets(StackName=STACK)["Summaries"]
        return {s["ChangeSetName"]: s["ExecutionStatus"] for s in summaries}

    def events(self) -> list[str]:
        """What the stack's events say, oldest first."""
        stack_events = self.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"][::-1]
        return [f"{e['LogicalResourceId']} {e['ResourceStatus']}" for e in stack_events]

    @contextmanager
    def slow(self, **switches: float) -> Iterator[None]:
        """A slow day (`sandbox/embedded_aws/slowness`) for as long as the block lasts."""
        limits = self.server.folder / "limits.json"
        limits.write_text(json.dumps({"slow": switches}))
        try:
            yield
        finally:
            limits.unlink()

    def remove(self) -> None:
        """Delete the stack and wait until it is gone."""
        self.cloudformation.delete_stack(StackName=STACK)
        self.cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


@contextmanager
def embedded_stacks(env: Environment, folder: Path) -> Iterator[Stacks]:
    """A running embedded AWS with an empty account; it ends with the block."""
    server = Server(folder).start()
    try:
        yield Stacks(env, server)
    finally:
        server.stop()
