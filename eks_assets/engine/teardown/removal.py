"""Takes an environment away, under its lease: in the reverse order of the graph, as much at a time as it allows.

What is gone is not looked for again, so a run that was interrupted is continued by the next one, and a second one finds
nothing to do.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from eks_assets.engine.planner import GRACE, WIDTH
from eks_assets.engine.provenance import commits_at_start
from eks_assets.engine.redacted import Redaction
from eks_assets.engine.teardown.gate import TeardownGrant, open_gate
from eks_assets.engine.teardown.order import removal_order
from eks_assets.engine.teardown.planning import plan_teardown
from eks_assets.engine.teardown.removed import is_managed, plan_removed, refuse_products
from eks_assets.graph.registry import Registry
from eks_assets.plan.teardown import OutcomeState, Scope, TeardownPlan, UnitOutcome, UnitTeardown
from resources.aws.session import caller_arn
from resources.context import Context, Fence
from resources.drivers.products import plan_products, remove_for_the_dead, remove_products
from resources.drivers.registry import driver_of
from resources.model.change import Change, FieldChange
from resources.model.errors import LeaseHeld, OperationFailed, PipelineError, Transient
from resources.model.removal import Removed
from resources.records.applied_units import last_success
from resources.records.change_entry import change_entry, record_change
from resources.records.lease import OUTLIVES_A_DEAD_HOLDER, hold_lease
from resources.records.rollbacks import end_holds
from resources.records.upgrades import end_open_upgrade
from resources.support.background import in_background


@dataclass(frozen=True)
class TeardownResult:
    """`plan`: what was to go when the environment was held; `outcomes`: in the order in which units ended."""

    plan: TeardownPlan
    outcomes: tuple[UnitOutcome, ...]

    def of(self, state: OutcomeState) -> tuple[UnitOutcome, ...]:
        """The units that ended so."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == state)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that was to go."""
        return not self.of("failed") and not self.of("skipped")


def destroy_environment(
    registry: Registry,
    context: Context,
    *,
    delete_data: bool,
    scope: Scope = "environment",
    wait_for_lease: float = OUTLIVES_A_DEAD_HOLDER,
    begin: Callable[[TeardownPlan], None] = lambda _: None,
    report: Callable[[UnitOutcome], None] = lambda _: None,
) -> TeardownResult:
    """Remove every unit that is there, each once what needs it is gone; of the others one's failure stops nothing. Of
    the `scope` "removed", those alone that the environment no longer has.

    Data stays but for `delete_data`. `begin`: called once the gate is open, before anything goes; `report`: as each
    unit ends. Raises Refused where the environment is protected, ApprovalMissing where it has a
    gate and nobody has approved this, LeaseHeld, AccessDenied; what goes wrong with one unit is in its outcome."""
    starter = caller_arn(context.env)
    with hold_lease(context, who=f"{starter}, destroy", wait=wait_for_lease, keep=False):
        context.cache.clear()
        planned = plan_removed if scope == "removed" else plan_teardown
        plan = planned(registry, context, delete_data=delete_data)
        with open_gate(plan, context) as grant:
            begin(plan)
            run = _Run(registry, context, plan, starter, grant, report)
            run.clear_up_for_the_dead()
            result = TeardownResult(plan, run.remove_all())
            if result.is_complete and scope == "environment":
                # What was applied then names what is gone now; the next deploy begins with the files.
                end_holds(context, starter)
                end_open_upgrade(context, starter)
            return result


@dataclass(frozen=True)
class _UntilStopped:
    """The lease, for threads that are to change nothing more once the run is interrupted."""

    lease: Fence | None
    stopped: threading.Event

    def check(self) -> None:
        """Raises LeaseHeld once the run is interrupted, and as the lease does."""
        if self.stopped.is_set():
            raise LeaseHeld("the removal was interrupted; nothing more was changed")
        if self.lease is not None:
            self.lease.check()


@dataclass(frozen=True)
class _Run:
    """One removal of an environment that is held."""

    registry: Registry
    context: Context
    plan: TeardownPlan
    who: str
    grant: TeardownGrant | None
    report: Callable[[UnitOutcome], None]
    stopped: threading.Event = field(default_factory=threading.Event)

    def clear_up_for_the_dead(self) -> None:
        """What a controller that is dead should clear up would hold whatever declares it, so it goes first."""
        for each in self.plan.units:
            if each.products is not None and each.made.removes and not self._is_managed(each):
                remove_for_the_dead(each.products, self._named(each))

    def remove_all(self) -> tuple[UnitOutcome, ...]:
        """Each unit once those before it are gone, as many at a time as the planner looks at."""
        waiting = {each.unit.name: each for each in self.plan.units}
        before = {name: names & waiting.keys() for name, names in removal_order(self.registry).items()}
        ended: dict[str, UnitOutcome] = {}
        running: dict[Future[UnitOutcome], str] = {}
        try:
            while waiting or running:
                while skipped := self._skip(waiting, before, ended):
                    ended |= {outcome.unit: outcome for outcome in skipped}
                    for outcome in skipped:
                        self.report(outcome)
                ready = [each for name, each in waiting.items() if before[name] <= ended.keys()]
                for each in ready[: WIDTH - len(running)]:
                    del waiting[each.unit.name]
                    work = partial(self._remove, each)
                    running[in_background(work, f"remove {each.unit.name}")] = each.unit.name
                finished, _ = wait(running, return_when=FIRST_COMPLETED) if running else ((), ())
                for future in finished:
                    name = running.pop(future)
                    ended[name] = future.result()
                    self.report(ended[name])
        except BaseException:
            # What is under way ends before its next change, and a program that it runs within a second.
            self.stopped.set()
            wait(running, timeout=GRACE)
            raise
        return tuple(ended.values())

    def _skip(
        self, waiting: dict[str, UnitTeardown], before: Mapping[str, frozenset[str]], ended: Mapping[str, UnitOutcome]
    ) -> list[UnitOutcome]:
        """Take out what cannot go because something that needs it is still there."""
        # Also what is not there itself passes on that something further up still is.
        stopped = {name for name, outcome in ended.items() if outcome.reason}
        outcomes = []
        for name in [name for name in waiting if before[name] & stopped]:
            each = waiting.pop(name)
            still_there = ", ".join(sorted(before[name] & stopped))
            state: OutcomeState = "skipped" if each.removes or each.error else "nothing"
            outcomes.append(UnitOutcome(name, state, reason=f"still there: {still_there}"))
        return outcomes

    def _remove(self, each: UnitTeardown) -> UnitOutcome:
        """Remove one unit and record it."""
        began, unit = time.monotonic(), each.unit.name
        if each.error is not None:
            return UnitOutcome(unit, "failed", reason=each.error.message, next_step=each.error.next_step)
        context = self._named(each)
        redaction = Redaction(context, each.spec)
        removed: tuple[Removed, ...] = each.removes
        try:
            with redaction.working():
                removed = self._all_of(each, context)
                if not removed:
                    return UnitOutcome(unit, "nothing")
                if self.grant is not None:
                    self.grant.record_start(unit)
                self._try(each, context)
                self._record(each, removed, "done", time.monotonic() - began, context)
                if self.grant is not None:
                    self.grant.record_end(unit)
        except LeaseHeld:
            raise
        except PipelineError as error:
            seconds = time.monotonic() - began
            self._record_failure(each, removed, error, seconds, context)
            return UnitOutcome(unit, "failed", removed, error.message, error.next_step, seconds)
        except Exception as error:
            # One unit's fault is no reason to leave the others.
            failed = OperationFailed(f"unexpected {type(error).__name__}: {error}")
            self._record_failure(each, removed, failed, time.monotonic() - began, context)
            return UnitOutcome(unit, "failed", removed, redaction.redact_text(failed.message))
        return UnitOutcome(unit, "removed", removed, seconds=time.monotonic() - began)

    def _all_of(self, each: UnitTeardown, context: Context) -> tuple[Removed, ...]:
        """What goes with the unit by now: its controller may have made more since it was planned."""
        products = each.products
        if products is None or self.plan.no_cluster:
            return each.removes
        made = plan_products(products, context, delete_data=self.plan.delete_data).removes
        return tuple(dict.fromkeys((*each.removes, *made)))

    def _try(self, each: UnitTeardown, context: Context) -> None:
        """Remove it, again where AWS or the cluster asks for that."""
        retry = context.env.retry
        for attempt in range(1, retry.attempts + 1):
            try:
                self._remove_once(each, context)
                return
            except Transient as error:
                if attempt == retry.attempts:
                    raise
                context.progress(f"attempt {attempt}: {error.message}")
                time.sleep(error.retry_after or retry.seconds)

    def _remove_once(self, each: UnitTeardown, context: Context) -> None:
        delete_data = self.plan.delete_data
        if each.products is not None and not self.plan.no_cluster:
            if self.plan.scope == "removed":
                refuse_products(each.products, context, gone=())
            is_managed = self._is_managed(each)
            remove_products(each.products, context, delete_data=delete_data, is_managed=is_managed)
        if each.spec is not None and each.own.removes:
            driver_of(each.spec).destroy(each.spec, context, delete_data=delete_data)

    def _is_managed(self, each: UnitTeardown) -> bool:
        """Whether EKS runs the unit's controller."""
        return each.products is not None and is_managed(each.unit, self.context.env)

    def _record(
        self, each: UnitTeardown, removed: tuple[Removed, ...], outcome: str, seconds: float, context: Context
    ) -> None:
        environments, code = commits_at_start()
        account: dict[str, Any] = {
            "who": self.who,
            "grant": self.grant.as_recorded() if self.grant else None,
            "commit": environments,
            "code_commit": code,
        }
        fields = tuple(FieldChange(each_removed.object, "there", None) for each_removed in removed)
        data = ", with its data" if self.plan.delete_data else ""
        # The unit itself goes on as it was applied last, where only a part of it goes.
        if each.is_part:
            last = last_success(context, each.unit.name) or {}
            account |= {"spec": last.get("spec"), "chart": last.get("chart")}
        reason = f"{self.plan.reason}{data}: {len(fields)} objects"
        change = Change("update" if each.is_part else "delete", fields, reason)
        known = {name: value for name, value in account.items() if value is not None}
        record_change(context, change_entry(context, each.unit.name, change, outcome, seconds, known))

    def _record_failure(
        self, each: UnitTeardown, removed: tuple[Removed, ...], error: PipelineError, seconds: float, context: Context
    ) -> None:
        try:
            self._record(each, removed, error.message.splitlines()[0], seconds, context)
        except PipelineError as unwritten:
            context.progress(f"the ledger has no entry of this failure: {unwritten.message}")

    def _named(self, each: UnitTeardown) -> Context:
        """The context with a thread's own progress, in which each line names the unit. What was read and the way into
        the cluster are shared."""
        own = copy.copy(self.context)
        own.lease = _UntilStopped(self.context.lease, self.stopped)
        name, report = each.unit.name, self.context.progress
        own.progress = lambda line: report(f"{name}: {line}")
        return own
