"""The lease on the embedded AWS: who gets it, who keeps it, and who finds out that it is gone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.names import lease_table
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.model.errors import LeaseHeld, NotFound
from resources.model.outputs import Outputs
from resources.model.specs import Parameter
from resources.records import lease as lease_module
from resources.records.clock import server_time
from resources.records.lease import Lease, hold_lease
from resources.records.lease_table import current_holder, read_row
from tests.helpers.leases import RunOf, another_launch, expire
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.sandbox
ROUNDS = 50
HOUR = 3600.0
PARAMETER = "/demo/sandbox/lease-test"


class StoredOutputs(Outputs):
    stored: str


def contend(context: Context, start: Barrier, finish: Barrier) -> int | None:
    """The token where this contender won; None where the other one did. Nobody leaves before both have tried."""
    start.wait(30)
    with ExitStack() as stack:
        try:
            token = stack.enter_context(hold_lease(context, who="test", keep=False)).token
        except LeaseHeld:
            token = None
        finish.wait(30)
    return token


def test_lease_has_one_winner_of_two_at_once(run_of: RunOf) -> None:
    """Of two runs that ask for the lease at the same time, one gets it, in each of fifty rounds."""
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


def test_lease_is_shared_by_steps_of_one_run(run_of: RunOf) -> None:
    """Steps of one run hold the lease together, with one token, until the run ends."""
    with hold_lease(run_of("one"), who="first step") as first:
        with hold_lease(run_of("one"), who="second step") as second:
            assert second.token == first.token
        first.check()
        with pytest.raises(LeaseHeld):
            second.check()
        with pytest.raises(LeaseHeld), hold_lease(run_of("two"), who="other"):
            pass


def test_made_up_run_name_holds_nothing(run_of: RunOf, table: Any) -> None:
    """A process that only names the run that holds the lease is refused, while it works and while it lingers; two that
    make up one name hold it one after the other."""
    with hold_lease(run_of("one"), who="ann", keep=False) as lease:
        with another_launch(), pytest.raises(LeaseHeld), hold_lease(run_of("one"), who="ben"):
            pass
        lease.check()
        with hold_lease(run_of("one"), who="step"):
            pass
    with another_launch():
        with hold_lease(run_of("made-up"), who="ben") as first, another_launch():
            with pytest.raises(LeaseHeld), hold_lease(run_of("made-up"), who="carol"):
                pass
            first.check()
        expire(table)
        with another_launch(), hold_lease(run_of("made-up"), who="carol") as second:
            assert second.token == first.token + 1
            with pytest.raises(LeaseHeld):
                first.check()


def test_lease_passes_to_next_step_and_then_to_next_run(run_of: RunOf) -> None:
    """The next step of a run joins its lease; another run gets it soon after the last step, without `wait`."""
    said: list[str] = []
    with hold_lease(run_of("one"), who="first step") as first:
        pass
    with hold_lease(run_of("one"), who="next step") as following:
        assert following.token == first.token
    began = time.monotonic()
    with hold_lease(run_of("two", said.append), who="other") as other:
        assert other.token == first.token + 1
        assert time.monotonic() - began < 10
    assert said[0].startswith("environment sandbox: held by run one (first step)")


def test_ended_run_releases_lease_at_once(run_of: RunOf) -> None:
    """A run that has ended no longer holds the environment: the next one need not wait."""
    context = run_of("two")
    with hold_lease(run_of("one"), who="deploy", keep=False):
        assert current_holder(context) is not None
    assert current_holder(context) is None
    with hold_lease(context, who="deploy"):
        pass


def test_killed_step_does_not_keep_lease_of_ended_run(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed step never gives its lease back; once its run has ended, the lease still expires soon."""
    with hold_lease(run_of("one"), who="deploy", keep=False), monkeypatch.context() as killed:
        killed.setattr(Lease, "leave", lambda *_, **__: None)
        with hold_lease(run_of("one"), who="step"):
            pass
    holder = current_holder(context := run_of("two"))
    assert holder is not None
    assert (holder.until - server_time(context)).total_seconds() < 25


def test_held_lease_error_names_holder_and_command(run_of: RunOf) -> None:
    """The refusal says who holds the environment, since when and until when, and which command shows the row."""
    with hold_lease(run_of("one"), who="ann: eks-assets deploy sandbox"):
        with pytest.raises(LeaseHeld) as refused, hold_lease(run_of("two"), who="ben"):
            pass
        holder = current_holder(run_of("three"))
    assert holder is not None
    assert "environment sandbox is held by run one (ann: eks-assets deploy sandbox)" in refused.value.message
    assert f"since {holder.since:%Y-%m-%d %H:%M:%S} UTC, until " in refused.value.message
    assert 50 < (holder.until - holder.since).total_seconds() < 65
    assert "aws dynamodb get-item" in refused.value.next_step
    assert lease_table(run_of("one").env) in refused.value.next_step


def test_waiting_run_gets_lease_when_holder_ends(run_of: RunOf) -> None:
    """A run that waits says so once, and gets the lease as soon as the holder ends."""
    said: list[str] = []
    with ExitStack() as first, ThreadPoolExecutor(1) as pool:
        first.enter_context(hold_lease(run_of("one"), who="ann", keep=False))

        def follow() -> int:
            with hold_lease(run_of("two", said.append), who="ben", wait=30) as lease:
                return lease.token

        following = pool.submit(follow)
        eventually("the one that waits says so", lambda: bool(said))
        first.close()
        assert following.result(10) == 2
    assert len(said) == 1
    assert said[0].startswith("environment sandbox: held by run one (ann) since ")


def test_expired_lease_passes_on_and_old_holder_fails(run_of: RunOf, table: Any) -> None:
    """An expired lease passes to the next run; the old holder's check fails, and its leaving ends nothing."""
    with hold_lease(run_of("one"), who="ann") as old:
        expire(table)
        with hold_lease(run_of("two"), who="ben") as new:
            assert new.token == old.token + 1
            with pytest.raises(LeaseHeld) as lost:
                old.check()
            assert "run one no longer holds environment sandbox: it was taken over by run two (ben)" in str(lost.value)
    holder = current_holder(run_of("three"))
    assert holder is not None  # the loser's leaving ended nothing
    assert holder.run == "two"


def test_late_holder_keeps_expired_lease_nobody_took(run_of: RunOf, table: Any) -> None:
    """A holder that renews after the lease expired keeps it, as long as nobody else has taken it."""
    with hold_lease(run_of("one"), who="ann") as lease:
        expire(table)
        lease.check()
        with pytest.raises(LeaseHeld), hold_lease(run_of("two"), who="ben"):
            pass


def test_lease_is_renewed_while_holder_works(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the holder works, its lease is extended and stays the same lease."""
    monkeypatch.setattr(lease_module, "TTL", 4.0)
    context = run_of("two")
    with hold_lease(run_of("one"), who="ann"):
        first = current_holder(context)
        time.sleep(6)
        now = current_holder(context)
    assert first is not None
    assert now is not None
    assert (now.token, now.since) == (first.token, first.since)
    assert now.until > first.until


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_lease_ignores_clock_of_machine(run_of: RunOf, table: Any, monkeypatch: pytest.MonkeyPatch, off: float) -> None:
    """A machine whose clock is an hour off neither loses its lease nor takes another's: AWS's clock decides."""
    right, wrong = run_of("right"), run_of("wrong")
    right_time, clock = server_time(right), time.time
    with hold_lease(right, who="ann", keep=False) as lease:
        with monkeypatch.context() as skewed:
            skewed.setattr(time, "time", lambda: clock() + off)
            assert abs((server_time(wrong) - right_time).total_seconds()) < 30
            with pytest.raises(LeaseHeld), hold_lease(wrong, who="ben"):
                pass
        lease.check()
    with monkeypatch.context() as skewed:
        skewed.setattr(time, "time", lambda: clock() + off)
        with hold_lease(wrong, who="ben") as lease:
            with pytest.raises(LeaseHeld), hold_lease(right, who="ann"):
                pass
            lease.check()


def test_driver_changes_nothing_after_lease_was_lost(run_of: RunOf, table: Any, admin: Aws) -> None:
    """A driver refuses to change anything for a run that has lost its lease; without a lease it applies."""
    ssm = admin.client("ssm")
    ssm.put_parameter(Name=PARAMETER, Value="before", Type="String")
    spec = Parameter[StoredOutputs](name=PARAMETER, value="after")
    context = run_of("one")
    try:
        with hold_lease(context, who="ann"):
            expire(table)
            with hold_lease(run_of("two"), who="ben", keep=False):
                pass
            with pytest.raises(LeaseHeld):
                ParameterDriver().apply(spec, context)
            assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == "before"
        ParameterDriver().apply(spec, context)  # by hand, without a lease
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == "after"
    finally:
        ssm.delete_parameter(Name=PARAMETER)


def test_lease_of_missing_table_names_bootstrap_command(account: Environment) -> None:
    """Without a lease table the error says that the environment needs `bootstrap`."""
    nobody = account.model_copy(update={"tenant": "nobody"})
    other = Context(nobody, Aws(nobody, as_deployer=False), run_id="one")
    with pytest.raises(NotFound, match="nobody-sandbox-lease does not exist") as missing, hold_lease(other, who="ann"):
        pass
    assert "eks-assets bootstrap sandbox --apply" in missing.value.next_step
