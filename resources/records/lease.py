"""The lease: one run at a time may change an environment.

A run holds it, not a process: the steps of one run, each a process, are its members, and each renews it. Only those
that inherited the secret of the launch that took it can join (`launch.py`); a run's name proves nothing. A run that
takes it over raises the fencing `token`, a number that only grows, so whoever held it before finds out at its next
change (`Context.before_change`). It is a row of a DynamoDB table; see `lease_table.py`.
"""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from resources.aws.errors import aws_call
from resources.cloudformation import stack_tags
from resources.config.names import lease_table
from resources.context import Context
from resources.drivers.stack.status import describe_stack, is_busy
from resources.model.errors import LeaseHeld, PipelineError, WaitTimeout
from resources.records.clock import server_time
from resources.records.launch import launch_proof
from resources.records.lease_table import Holder, Item, current_holder, read_row, write_row
from resources.support.polling import Poll, wait_until

if TYPE_CHECKING:
    from botocore.model import StringShape
    from mypy_boto3_cloudformation.literals import StackStatusType

TTL = 60.0  # seconds that a lease lasts without renewal; it is renewed four times as often
OUTLIVES_A_DEAD_HOLDER = TTL + 15.0  # seconds of waiting after which a run that holds it is alive
LINGER = 5.0  # seconds that the next step of the same run has to join after the last one left
_POLL = 2.0
_OURS = "#run = :run AND #token = :token"
_JOIN = f"{_OURS} AND #proof = :proof"
_MEMBER = f"{_OURS} AND contains(#members, :member)"
_TAKE = (
    "SET #run = :run, #who = :who, #since = :since, #until = :until, #members = :member, #token = :next, "
    "#unsettled = :yes, #proof = :proof"
)
_AS_SEEN = "attribute_not_exists(#environment) OR (#token = :token AND #until = :seen)"
# An end that lies in the past, however much two looks at AWS's clock differ.
_LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Lease:
    """One member's part in its run's hold on an environment. `token`: the fencing token."""

    context: Context = field(repr=False)
    run: str
    member: str
    token: int

    def check(self) -> None:
        """Renew the lease, which works only while it is ours: nobody can have taken it between look and renewal.

        Raises LeaseHeld, naming who took it, and Transient or AccessDenied where DynamoDB does not answer."""
        done, item = self._write("SET #until = :until", _MEMBER, until=_text(self._in(TTL)))
        if not done:
            raise _lost(self, Holder.of(item) if item else None)

    def settle(self) -> None:
        """Note that nothing of an earlier run is under way any more."""
        self._write("REMOVE #unsettled", _MEMBER)

    def leave(self, *, keep: bool) -> None:
        """Stop being a member. The last one ends the lease: at once, or with `keep` in time for the run's next step.
        Without `keep`, members that are left must renew it soon; those of them that died do not."""
        done, item = self._write("DELETE #members :leaving", _MEMBER, leaving={"SS": [self.member]})
        if done and "members" not in item:
            end = self._in(LINGER) if keep else _LONG_AGO
            self._write("SET #until = :until", f"{_OURS} AND attribute_not_exists(#members)", until=_text(end))
        elif done and not keep:
            self._write("SET #until = :until", _OURS, until=_text(self._in(TTL / 3)))

    def _in(self, seconds: float) -> dt.datetime:
        return server_time(self.context) + dt.timedelta(seconds=seconds)

    def _write(self, update: str, condition: str, **values: Any) -> tuple[bool, Item]:
        values |= {"run": {"S": self.run}, "token": {"N": str(self.token)}}
        if condition == _MEMBER:
            values["member"] = {"S": self.member}
        return write_row(self.context, update, condition, values)


@contextmanager
def hold_lease(context: Context, *, who: str, wait: float = 0.0, keep: bool = True) -> Iterator[Lease]:
    """Hold the environment for the run `context.run_id` (all runs of `context.launch`, where it is set), together with
    its other steps; it is `context.lease` meanwhile.

    `who`: words for people, such as a user and a command. `wait`: seconds to wait for another run to end. `keep`: leave
    the run's next step LINGER seconds to join; False where the run ends here. Whoever holds it first waits until no
    stack of the environment is under way, since CloudFormation knows no fence.

    Raises LeaseHeld where another run holds it, WaitTimeout for stacks that stay busy, NotFound where the environment
    has not been bootstrapped, AccessDenied, Transient."""
    lease, unsettled = _acquire(context, who, wait)
    before, context.lease = context.lease, lease
    try:
        with _renewed(lease):
            if unsettled:
                _wait_for_stacks(context)
                lease.check()
                lease.settle()
            yield lease
    finally:
        context.lease = before
        _leave(lease, keep)


def _acquire(context: Context, who: str, wait: float) -> tuple[Lease, bool]:
    """The lease, and whether stacks must be waited for."""
    run, member = context.launch or context.run_id or f"none-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    printed: dict[int, str] = {}

    def poll() -> Poll[Holder]:
        done, holder = _join_or_take(context, run, who, member)
        return Poll(holder if done else None, printed.setdefault(holder.token, f"held by {holder}"))

    # A lease without members ends by itself within LINGER seconds: always worth waiting for.
    before = current_holder(context)
    patience = max(wait, LINGER + _POLL if before and not before.members else 0)
    try:
        what = f"environment {context.env.name}"
        ours = wait_until(poll, what=what, deadline=patience, interval=_POLL, progress=context.progress)
    except WaitTimeout:
        raise _held(context) from None
    return Lease(context, run, member, ours.token), ours.unsettled


def _join_or_take(context: Context, run: str, who: str, member: str) -> tuple[bool, Holder]:
    """Join our run's lease, or take one that nobody holds: whether that was possible, and who holds it now."""
    while True:
        before, now = read_row(context), server_time(context)
        values: dict[str, Any] = {
            "run": {"S": run},
            "until": _text(now + dt.timedelta(seconds=TTL)),
            "member": {"SS": [member]},
            "token": {"N": str(before.token if before else 0)},
            "proof": {"S": launch_proof()},
        }
        if before and (before.run, before.proof) == (run, launch_proof()):
            done, item = write_row(context, "SET #until = :until ADD #members :member", _JOIN, values)
        elif before and before.until > now:
            return False, before
        else:
            values |= {
                "who": {"S": who},
                "since": _text(now),
                "seen": _text(before.until if before else _LONG_AGO),
                "next": {"N": str(before.token + 1 if before else 1)},
                "yes": {"BOOL": True},
            }
            done, item = write_row(context, _TAKE, _AS_SEEN, values)
        if done:
            return True, Holder.of(item)
        # Another run, or another step of ours, was quicker: look again at what it made of it.


@contextmanager
def _renewed(lease: Lease) -> Iterator[None]:
    """Renews the lease in the background. What goes wrong there shows at the next check, which asks the table."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(TTL / 4):
            try:
                lease.check()
            except LeaseHeld:
                return
            except PipelineError:
                continue

    threading.Thread(target=renew, name=f"lease of {lease.context.env.name}", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _leave(lease: Lease, keep: bool) -> None:
    """Leaving must not hide why the run ends; a lease that is not given back expires by itself."""
    try:
        lease.leave(keep=keep)
    except PipelineError as error:
        lease.context.progress(f"the lease could not be given back, so it ends within {TTL:.0f} s: {error.message}")


def _wait_for_stacks(context: Context) -> None:
    env, client = context.env, context.aws.client("cloudformation")
    every_status = cast("StringShape", client.meta.service_model.shape_for("StackStatus"))
    statuses = cast("list[StackStatusType]", [status for status in every_status.enum if is_busy(status)])

    def poll() -> Poll[bool]:
        with aws_call(f"listing the stacks of {env.name} that are under way"):
            pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=statuses)
            status_by_stack = {s["StackName"]: s["StackStatus"] for page in pages for s in page["StackSummaries"]}
        alike = [
            n for n in sorted(status_by_stack) if n.startswith(f"{env.resource_prefix}-") or n == env.karpenter_stack
        ]
        names = [name for name in alike if _is_own(context, name)]
        return Poll(None if names else True, ", ".join(f"{name} is {status_by_stack[name]}" for name in names))

    wait_until(
        poll,
        what="waiting for what an earlier run left under way",
        deadline=max(env.deadlines.stack, env.deadlines.cluster),
        interval=5,
        progress=context.progress,
        next_step="aws cloudformation describe-stack-events --stack-name STACK says what it waits for",
    )


def _is_own(context: Context, name: str) -> bool:
    """Whether the stack, named like the environment's, is not another's: acme-dev-2-cluster begins as the stacks of
    acme-dev do, and carries the tag of its own environment."""
    stack = describe_stack(context, name)
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])} if stack else {}
    return stack is not None and all(tags.get(key, mine) == mine for key, mine in stack_tags(context.env).items())


def _held(context: Context) -> LeaseHeld:
    name, table = context.env.name, lease_table(context.env)
    key = f'{{"environment": {{"S": "{name}"}}}}'
    return LeaseHeld(
        f"environment {name} is held by {read_row(context)}",
        next_step="wait for that run to end, or stop it, and run again; who holds it now: "
        f"aws dynamodb get-item --consistent-read --table-name {table} --key '{key}'",
    )


def _lost(lease: Lease, holder: Holder | None) -> LeaseHeld:
    why = f"it was taken over by {holder}" if holder else "its row is gone from the lease table"
    if holder and holder.token == lease.token:
        why = "it has given it back"
    return LeaseHeld(
        f"run {lease.run} no longer holds environment {lease.context.env.name}: {why}; nothing more was changed",
        next_step="see what the other run does, then run again: what is done already is left alone",
    )


def _text(time: dt.datetime) -> dict[str, str]:
    return {"S": time.isoformat(timespec="milliseconds")}
