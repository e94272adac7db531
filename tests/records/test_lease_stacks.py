"""The lease and the stacks that an earlier run left in progress, on the embedded AWS."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import LeaseHeld, WaitTimeout
from resources.records.lease import hold_lease
from resources.records.lease_table import current_holder
from tests.helpers.leases import RunOf, expire
from tests.helpers.waiting import eventually

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import TagTypeDef

pytestmark = pytest.mark.sandbox
STACK = "demo-sandbox-irsa-roles"  # of a unit that the environment switches off; rights end at such names
WAITING = {
    "Resources": {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Patience": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60"},
        },
    }
}
BusyStack = Callable[..., Callable[[], None]]


@pytest.fixture
def busy_stack(admin: Aws) -> Iterator[BusyStack]:
    """Starts a stack, with the tag of that environment, which is under way until the function that comes back is
    called."""
    client = admin.client("cloudformation")

    def state() -> str:
        return str(client.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])

    def finish() -> None:
        client.signal_resource(StackName=STACK, LogicalResourceId="Patience", UniqueId="one", Status="SUCCESS")

    def start(environment: str | None = admin.env.name) -> Callable[[], None]:
        tags: list[TagTypeDef] = [{"Key": "eks-assets:environment", "Value": environment}] if environment else []
        client.create_stack(StackName=STACK, TemplateBody=json.dumps(WAITING), Tags=tags)
        eventually("the stack starts", lambda: state() == "CREATE_IN_PROGRESS")
        return finish

    yield start
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def test_takeover_waits_for_stacks_in_progress(run_of: RunOf, table: Any, busy_stack: BusyStack) -> None:
    """Who takes over an expired lease waits for the stacks that the other run left in progress, and says so."""
    said: list[str] = []
    with hold_lease(run_of("one"), who="ann"):
        later = threading.Timer(2, busy_stack())
        expire(table)
        began = time.monotonic()
        later.start()
        with hold_lease(run_of("two", said.append), who="ben"):
            assert time.monotonic() - began >= 2
        later.join()
    assert said == [f"waiting for what an earlier run left under way: {STACK} is CREATE_IN_PROGRESS"]


def test_joining_step_waits_for_stacks_only_while_in_progress(run_of: RunOf, busy_stack: BusyStack) -> None:
    """A step that joins while its run waits for stacks waits as well; one that comes later does not."""
    finish = busy_stack()
    joined: list[str] = []

    def step(said: list[str]) -> None:
        with hold_lease(run_of("two", said.append), who="step"):
            pass

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(step, [])
        eventually("the first step holds it", lambda: current_holder(run_of("three")) is not None)
        second = pool.submit(step, joined)
        eventually("the second step waits", lambda: bool(joined))
        with pytest.raises(LeaseHeld), hold_lease(run_of("three"), who="other"):
            pass  # held while it waits
        finish()
        first.result(20)
        second.result(20)
    after: list[str] = []
    step(after)
    assert after == []


@pytest.fixture
def impatient(account: Environment, table: Any) -> Context:
    """Waits a second for stacks."""
    short = account.deadlines.model_copy(update={"stack": 1, "cluster": 1})
    return Context.of(account.model_copy(update={"deadlines": short}), run_id="two")


def test_takeover_ignores_stacks_of_similar_environment(impatient: Context, busy_stack: BusyStack) -> None:
    """Stacks of an environment whose name has ours as its beginning are not waited for."""
    finish = busy_stack("sandbox-lease")
    with hold_lease(impatient, who="ben", keep=False) as lease:
        lease.check()
    finish()


@pytest.mark.parametrize("tag", ["sandbox", None])
def test_takeover_times_out_naming_stacks_and_releases_lease(
    impatient: Context, busy_stack: BusyStack, tag: str | None
) -> None:
    """Where stacks stay in progress, the error names them and the environment is free again."""
    finish = busy_stack(tag)
    with (
        pytest.raises(WaitTimeout, match=f"{STACK} is CREATE_IN_PROGRESS"),
        hold_lease(impatient, who="ben", keep=False),
    ):
        pass
    assert current_holder(impatient) is None
    finish()
