"""The lease: one run at a time may change a platform, whichever file describes it.

A run holds it, not a process: the steps of one run, each a process, are its members, and each renews it. Only those
that inherited the secret of the launch that took it can join (`launch.py`); a run's name proves nothing. A run that
takes it over raises the fencing `token`, a number that only grows, so whoever held it before finds out at its next
change (`Context.before_change`). It is a row of a DynamoDB table; see `lease_table.py`.

Older versions hold a row under the name of the environment's file instead. Until bootstrap has noted that none of them
runs, a run takes that one too, after the platform's, so that old and new never write side by side.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from resources.config.names import lease_table
from resources.context import Context
from resources.model.errors import LeaseHeld, PipelineError, WaitTimeout
from resources.records.busy_stacks import wait_for_stacks
from resources.records.clock import server_time
from resources.records.launch import launch_proof
from resources.records.lease_members import end_killed_run, new_member
from resources.records.lease_table import Holder, Item, current_holder, platform_row, read_row, write_row
from resources.records.platform import check_incumbent
from resources.support.polling import Poll, wait_until

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
_AS_SEEN = "attribute_not_exists(#token) OR (#token = :token AND #until = :seen)"
# An end that lies in the past, however much two looks at AWS's clock differ.
_LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Lease:
    """One member's part in its run's hold on a platform. `tokens`: the token of each row that it holds, in the order in
    which they were taken."""

    context: Context = field(repr=False)
    run: str
    member: str
    tokens: dict[str, int] = field(default_factory=dict)

    @property
    def token(self) -> int:
        """The fencing token, which is the platform's."""
        return self.tokens[platform_row(self.context.env)]

    def check(self) -> None:
        """Renew the lease, which works only while it is ours: nobody can have taken it between look and renewal.

        Raises LeaseHeld, naming who took it, and Transient or AccessDenied where DynamoDB does not answer."""
        for row in self.tokens:
            done, item = self._write(row, "SET #until = :until", _MEMBER, until=_text(self._in(TTL)))
            if not done:
                raise _lost(self, row, Holder.of(item) if item else None)

    def settle(self) -> None:
        """Note that nothing of an earlier run is under way any more."""
        for row in self.tokens:
            self._write(row, "REMOVE #unsettled", _MEMBER)

    def leave(self, *, keep: bool) -> None:
        """Stop being a member. The last one ends the lease: at once, or with `keep` in time for the run's next step.
        Without `keep`, members that are left must renew it soon; those of them that died do not."""
        for row in reversed(self.tokens):
            self._leave_row(row, keep)

    def _leave_row(self, row: str, keep: bool) -> None:
        done, item = self._write(row, "DELETE #members :leaving", _MEMBER, leaving={"SS": [self.member]})
        if done and "members" not in item:
            end = self._in(LINGER) if keep else _LONG_AGO
            self._write(row, "SET #until = :until", f"{_OURS} AND attribute_not_exists(#members)", until=_text(end))
        elif done and not keep:
            self._write(row, "SET #until = :until", _OURS, until=_text(self._in(TTL / 3)))

    def _in(self, seconds: float) -> dt.datetime:
        return server_time(self.context) + dt.timedelta(seconds=seconds)

    def _write(self, row: str, update: str, condition: str, **values: Any) -> tuple[bool, Item]:
        values |= {"run": {"S": self.run}, "token": {"N": str(self.tokens[row])}}
        if condition == _MEMBER:
            values["member"] = {"S": self.member}
        return write_row(self.context, row, update, condition, values)


@contextmanager
def hold_lease(context: Context, *, who: str, wait: float = 0.0, keep: bool = True) -> Iterator[Lease]:
    """Hold the platform for the run `context.run_id` (all runs of `context.launch`, where it is set), together with
    its other steps; it is `context.lease` meanwhile.

    `who`: words for people, such as a user and a command. `wait`: seconds to wait for another run to end. `keep`: leave
    the run's next step LINGER seconds to join; False where the run ends here. Whoever holds it first waits until no
    stack of the environment is under way, since CloudFormation knows no fence.

    Raises LeaseHeld where another run holds it, ConfigError where another file describes its platform, WaitTimeout for
    stacks that stay busy, NotFound where the environment has not been bootstrapped, AccessDenied, Transient."""
    check_incumbent(context)
    lease, holders = _acquire(context, who, wait)
    before, context.lease = context.lease, lease
    try:
        with _renewed(lease):
            if any(holder.unsettled for holder in holders):
                wait_for_stacks(context, holders[0].names)
                lease.check()
                lease.settle()
            yield lease
    finally:
        context.lease = before
        _leave(lease, keep)


def _acquire(context: Context, who: str, wait: float) -> tuple[Lease, list[Holder]]:
    """The lease, and its rows as they are now: the platform's first, then those of older versions."""
    run = context.launch or context.run_id or f"none-{uuid.uuid4().hex[:8]}"
    lease, end = Lease(context, run, new_member()), time.monotonic() + wait
    holders: list[Holder] = []
    rows = [platform_row(context.env)]
    try:
        while len(holders) < len(rows):
            row = rows[len(holders)]
            holders.append(_take_row(lease, row, who, max(0.0, end - time.monotonic())))
            lease = replace(lease, tokens={**lease.tokens, row: holders[-1].token})
            rows = [rows[0], *holders[0].older_rows]
    except BaseException:
        _leave(lease, keep=True)
        raise
    return lease, holders


def _take_row(lease: Lease, row: str, who: str, wait: float) -> Holder:
    """The row, once the run holds it. Raises LeaseHeld where another one does after `wait` seconds."""
    context = lease.context
    printed: dict[int, str] = {}

    def poll() -> Poll[Holder]:
        lease.check()  # a row that is held already must not end while we wait for the next
        done, holder = _join_or_take(lease, row, who)
        return Poll(holder if done else None, printed.setdefault(holder.token, f"held by {holder}"))

    # A lease without members ends by itself within LINGER seconds: always worth waiting for.
    before = current_holder(context, row)
    patience = max(wait, LINGER + _POLL if before and not before.members else 0)
    try:
        what = f"environment {context.env.name}"
        return wait_until(poll, what=what, deadline=patience, interval=_POLL, progress=context.progress)
    except WaitTimeout:
        raise _held(context, row) from None


def _join_or_take(lease: Lease, row: str, who: str) -> tuple[bool, Holder]:
    """Join our run's hold on the row, or take a row that nobody holds: whether that was possible, and who holds it."""
    context, env = lease.context, lease.context.env
    while True:
        before, now = read_row(context, row), server_time(context)
        is_own = before is not None and (before.run, before.proof) == (lease.run, launch_proof())
        if before and not is_own and before.until > now and not end_killed_run(before.members, context.progress):
            return False, before
        values: dict[str, Any] = {
            "run": {"S": lease.run},
            "until": _text(now + dt.timedelta(seconds=TTL)),
            "member": {"SS": [lease.member]},
            "token": {"N": str(before.token if before else 0)},
            "proof": {"S": launch_proof()},
        }
        if is_own:
            update, condition = "SET #until = :until ADD #members :member", _JOIN
        else:
            update, condition = f"{_TAKE} ADD #names :name", _AS_SEEN
            # The platform's first token is beyond those of the row that older versions hold.
            last = before or (read_row(context, env.name) if row == platform_row(env) else None)
            values |= {
                "who": {"S": who},
                "since": _text(now),
                "seen": _text(before.until if before else _LONG_AGO),
                "next": {"N": str(last.token + 1 if last else 1)},
                "yes": {"BOOL": True},
                "name": {"SS": [env.name]},
            }
        done, item = write_row(context, row, update, condition, values)
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


def _held(context: Context, row: str) -> LeaseHeld:
    table, key = lease_table(context.env), f'{{"environment": {{"S": "{row}"}}}}'
    return LeaseHeld(
        f"environment {context.env.name} is held by {read_row(context, row)}",
        next_step="wait for that run to end, or stop it, and run again; who holds it now: "
        f"aws dynamodb get-item --consistent-read --table-name {table} --key '{key}'",
    )


def _lost(lease: Lease, row: str, holder: Holder | None) -> LeaseHeld:
    why = f"it was taken over by {holder}" if holder else "its row is gone from the lease table"
    if holder and holder.token == lease.tokens[row]:
        why = "it has given it back"
    return LeaseHeld(
        f"run {lease.run} no longer holds environment {lease.context.env.name}: {why}; nothing more was changed",
        next_step="see what the other run does, then run again: what is done already is left alone",
    )


def _text(time: dt.datetime) -> dict[str, str]:
    return {"S": time.isoformat(timespec="milliseconds")}
