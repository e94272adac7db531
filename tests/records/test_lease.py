"""The lease on the embedded AWS: who gets it, who keeps it, and who finds out that it is gone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.names import lease_table
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.model.errors import LeaseHeld, NotFound, WaitTimeout
from resources.model.outputs import Outputs
from resources.model.specs import Parameter
from resources.records import lease as lease_module
from resources.records.clock import server_time
from resources.records.lease import Lease, hold
from resources.records.lease_table import current_holder, read_row
from tests.helpers.leases import expire

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import TagTypeDef

pytestmark = pytest.mark.sandbox
ROUNDS = 50
HOUR = 3600.0
STACK, PARAMETER = "demo-sandbox-lease", "/demo/sandbox/lease-test"
WAITING = {
    "Resources": {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Patience": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60"},
        },
    }
}
RunOf = Callable[..., Context]
BusyStack = Callable[..., Callable[[], None]]


class StoredOutputs(Outputs):
    stored: str


@pytest.fixture
def table(admin: Aws) -> Iterator[Any]:
    """The lease table, for the account's administrator; the environment is free before and after a test."""
    found = admin.session.resource("dynamodb", endpoint_url=admin.source.endpoint).Table(lease_table(admin.env))
    found.delete_item(Key={"environment": admin.env.name})
    yield found
    found.delete_item(Key={"environment": admin.env.name})


@pytest.fixture
def run_of(account: Environment, table: Any) -> RunOf:
    """A Context of a process of its own that belongs to a run."""

    def make(run: str, progress: Callable[[str], None] = lambda _: None) -> Context:
        return Context.of(account, progress, run)

    return make


def eventually(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def contend(context: Context, start: Barrier, finish: Barrier) -> int | None:
    """The token where this contender won; None where the other one did. Nobody leaves before both have tried."""
    start.wait(30)
    with ExitStack() as stack:
        try:
            token = stack.enter_context(hold(context, who="test", keep=False)).token
        except LeaseHeld:
            token = None
        finish.wait(30)
    return token


def test_of_two_at_once_one_wins_each_of_fifty_rounds(run_of: RunOf) -> None:
    start, finish = Barrier(2), Barrier(2)
    worlds = [run_of("one"), run_of("two")]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            tries = [pool.submit(contend, context, start, finish) for context in worlds]
            assert [t.exception() for t in tries] == [None, None]
            assert [t.result() for t in tries].count(None) == 1
    # Whoever wins twice in a row goes on with its own lease; each change of hands raises the token.
    holder = read_row(worlds[0])
    assert holder is not None
    assert 1 < holder.token <= ROUNDS


def test_steps_of_one_run_hold_it_together(run_of: RunOf) -> None:
    with hold(run_of("one"), who="first step") as first:
        with hold(run_of("one"), who="second step") as second:
            assert second.token == first.token
        first.check()
        with pytest.raises(LeaseHeld):
            second.check()
        with pytest.raises(LeaseHeld), hold(run_of("two"), who="other"):
            pass


def test_next_step_of_a_run_joins_and_another_run_waits_for_it_without_being_told(run_of: RunOf) -> None:
    said: list[str] = []
    with hold(run_of("one"), who="first step") as first:
        pass
    with hold(run_of("one"), who="next step") as following:
        assert following.token == first.token
    began = time.monotonic()
    with hold(run_of("two", said.append), who="other") as other:
        assert other.token == first.token + 1
        assert time.monotonic() - began < 10
    assert said[0].startswith("environment sandbox: held by run one (first step)")


def test_ended_run_gives_the_environment_back_at_once(run_of: RunOf) -> None:
    context = run_of("two")
    with hold(run_of("one"), who="deploy", keep=False):
        assert current_holder(context) is not None
    assert current_holder(context) is None
    with hold(context, who="deploy"):
        pass


def test_step_that_died_does_not_keep_its_ended_run_alive(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    with hold(run_of("one"), who="deploy", keep=False), monkeypatch.context() as killed:
        killed.setattr(Lease, "leave", lambda *_, **__: None)
        with hold(run_of("one"), who="step"):
            pass
    holder = current_holder(context := run_of("two"))
    assert holder is not None
    assert (holder.until - server_time(context)).total_seconds() < 25


def test_refusal_says_who_holds_it_and_how_to_see_that(run_of: RunOf) -> None:
    with hold(run_of("one"), who="ann: eks-assets deploy sandbox"):
        with pytest.raises(LeaseHeld) as refused, hold(run_of("two"), who="ben"):
            pass
        holder = current_holder(run_of("three"))
    assert holder is not None
    assert "environment sandbox is held by run one (ann: eks-assets deploy sandbox)" in refused.value.message
    assert f"since {holder.since:%Y-%m-%d %H:%M:%S} UTC, until " in refused.value.message
    assert 50 < (holder.until - holder.since).total_seconds() < 65
    assert "aws dynamodb get-item" in refused.value.next_step
    assert lease_table(run_of("one").env) in refused.value.next_step


def test_who_waits_follows_as_soon_as_the_other_ends(run_of: RunOf) -> None:
    said: list[str] = []
    with ExitStack() as first, ThreadPoolExecutor(1) as pool:
        first.enter_context(hold(run_of("one"), who="ann", keep=False))

        def follow() -> int:
            with hold(run_of("two", said.append), who="ben", wait=30) as lease:
                return lease.token

        following = pool.submit(follow)
        eventually(lambda: bool(said), "the one that waits says nothing")
        first.close()
        assert following.result(10) == 2
    assert len(said) == 1
    assert said[0].startswith("environment sandbox: held by run one (ann) since ")


def test_expired_lease_is_taken_over_and_its_holder_finds_out(run_of: RunOf, table: Any) -> None:
    with hold(run_of("one"), who="ann") as old:
        expire(table)
        with hold(run_of("two"), who="ben") as new:
            assert new.token == old.token + 1
            with pytest.raises(LeaseHeld) as lost:
                old.check()
            assert "run one no longer holds environment sandbox: it was taken over by run two (ben)" in str(lost.value)
    holder = current_holder(run_of("three"))
    assert holder is not None  # the loser's leaving ended nothing
    assert holder.run == "two"


def test_holder_that_was_only_late_goes_on(run_of: RunOf, table: Any) -> None:
    with hold(run_of("one"), who="ann") as lease:
        expire(table)
        lease.check()
        with pytest.raises(LeaseHeld), hold(run_of("two"), who="ben"):
            pass


def test_lease_is_renewed_while_its_holder_works(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "TTL", 4.0)
    context = run_of("two")
    with hold(run_of("one"), who="ann"):
        first = current_holder(context)
        time.sleep(6)
        now = current_holder(context)
    assert first is not None
    assert now is not None
    assert (now.token, now.since) == (first.token, first.since)
    assert now.until > first.until


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_clock_an_hour_off_neither_loses_nor_steals(
    run_of: RunOf, table: Any, monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    right, wrong = run_of("right"), run_of("wrong")
    right_time, clock = server_time(right), time.time
    with hold(right, who="ann", keep=False) as lease:
        with monkeypatch.context() as skewed:
            skewed.setattr(time, "time", lambda: clock() + off)
            assert abs((server_time(wrong) - right_time).total_seconds()) < 30
            with pytest.raises(LeaseHeld), hold(wrong, who="ben"):
                pass
        lease.check()
    with monkeypatch.context() as skewed:
        skewed.setattr(time, "time", lambda: clock() + off)
        with hold(wrong, who="ben") as lease:
            with pytest.raises(LeaseHeld), hold(right, who="ann"):
                pass
            lease.check()


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
        eventually(lambda: state() == "CREATE_IN_PROGRESS", "the stack does not start")
        return finish

    yield start
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def test_takeover_waits_for_the_stacks_that_the_other_run_left_under_way(
    run_of: RunOf, table: Any, busy_stack: BusyStack
) -> None:
    said: list[str] = []
    with hold(run_of("one"), who="ann"):
        later = threading.Timer(2, busy_stack())
        expire(table)
        began = time.monotonic()
        later.start()
        with hold(run_of("two", said.append), who="ben"):
            assert time.monotonic() - began >= 2
        later.join()
    assert said == [f"waiting for what an earlier run left under way: {STACK} is CREATE_IN_PROGRESS"]


def test_step_that_joins_meanwhile_waits_as_well_and_one_that_comes_later_does_not(
    run_of: RunOf, busy_stack: BusyStack
) -> None:
    finish = busy_stack()
    joined: list[str] = []

    def step(said: list[str]) -> None:
        with hold(run_of("two", said.append), who="step"):
            pass

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(step, [])
        eventually(lambda: current_holder(run_of("three")) is not None, "nobody took it")
        second = pool.submit(step, joined)
        eventually(lambda: bool(joined), "the second step does not wait")
        with pytest.raises(LeaseHeld), hold(run_of("three"), who="other"):
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


def test_stacks_of_an_environment_whose_name_begins_alike_are_not_waited_for(
    impatient: Context, busy_stack: BusyStack
) -> None:
    finish = busy_stack("sandbox-lease")
    with hold(impatient, who="ben", keep=False) as lease:
        lease.check()
    finish()


@pytest.mark.parametrize("tag", ["sandbox", None])
def test_stacks_that_stay_busy_are_named_and_the_environment_is_given_back(
    impatient: Context, busy_stack: BusyStack, tag: str | None
) -> None:
    finish = busy_stack(tag)
    with pytest.raises(WaitTimeout, match=f"{STACK} is CREATE_IN_PROGRESS"), hold(impatient, who="ben", keep=False):
        pass
    assert current_holder(impatient) is None
    finish()


def test_driver_changes_nothing_after_the_lease_was_lost(run_of: RunOf, table: Any, admin: Aws) -> None:
    ssm = admin.client("ssm")
    ssm.put_parameter(Name=PARAMETER, Value="before", Type="String")
    spec = Parameter[StoredOutputs](name=PARAMETER, value="after")
    context = run_of("one")
    try:
        with hold(context, who="ann"):
            expire(table)
            with hold(run_of("two"), who="ben", keep=False):
                pass
            with pytest.raises(LeaseHeld):
                ParameterDriver().apply(spec, context)
            assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == "before"
        ParameterDriver().apply(spec, context)  # by hand, without a lease
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == "after"
    finally:
        ssm.delete_parameter(Name=PARAMETER)


def test_environment_that_was_not_bootstrapped_says_so(account: Environment) -> None:
    nobody = account.model_copy(update={"tenant": "nobody"})
    other = Context(nobody, Aws(nobody, as_deployer=False), run_id="one")
    with pytest.raises(NotFound, match="nobody-sandbox-lease does not exist") as missing, hold(other, who="ann"):
        pass
    assert "eks-assets bootstrap sandbox --apply" in missing.value.next_step
