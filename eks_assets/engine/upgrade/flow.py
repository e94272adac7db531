"""The upgrade of a cluster as one flow, minor version by minor version (docs/upgrades.md).

What a step changes is applied by the loop of every deploy. Where it stands is observed, so whoever comes back to it
continues; the ledger has when a bake began and what people ordered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from eks_assets.engine.rollback import plan_rollback, target_before
from eks_assets.engine.rollback_run import UnitEnd, run_rollback
from eks_assets.engine.upgrade.chain import STEPS, Step, plan_minor, upgrade_command
from eks_assets.engine.upgrade.hold import Hold
from eks_assets.engine.upgrade.start import Judge, start_upgrade
from eks_assets.engine.upgrade.steps import RUN
from eks_assets.graph.registry import Registry
from resources.context import Context
from resources.drivers.stack.cluster_state import cluster_version, version_before
from resources.model.errors import ApprovalMissing, OperationFailed, PipelineError
from resources.notifications.topic import send_notification
from resources.notifications.upgrade_messages import step_ended, upgrade_ended, upgrade_stopped
from resources.records.upgrades import Upgrade, record_event, reload_upgrade

Outcome = Literal["done", "paused", "cancelled", "rolled back", "nothing to do"]


class _Ordered(Exception):
    """Somebody wants it to pause, or to end."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def run_upgrade(
    registry: Registry,
    context: Context,
    who: str,
    *,
    wait: float,
    asked: tuple[str, str] = ("", ""),
    judge: Judge | None = None,
) -> Generator[UnitEnd, None, Outcome]:
    """Upgrade the cluster to the version of the environment's file, or continue to; each unit as it ends. `wait`:
    seconds to wait for another run to end; `asked`: through which tool and by whom an approval is asked for.

    Raises what `start_upgrade` and `Flow.run` raise, and LeaseHeld where another run holds the environment."""
    with Hold(context, f"{who}, upgrade", wait) as hold:
        upgrade = start_upgrade(registry, context, who, judge)
        if upgrade is None:
            return "nothing to do"
        return (yield from Flow(registry, context, upgrade, hold, asked).run())


@dataclass
class Flow:
    """One upgrade, run to its end or until something stops it. `context`: the environment as its file has it; `asked`:
    through which tool and by whom an approval is asked for."""

    registry: Registry
    context: Context
    upgrade: Upgrade
    hold: Hold
    asked: tuple[str, str] = ("", "")
    minor: str = ""
    step: Step = "preparation"

    def run(self) -> Generator[UnitEnd, None, Outcome]:
        """Each unit as it ends. Raises ApprovalMissing where people have yet to approve; OperationFailed, with the
        step, the reason and the way on, where a step failed or a check turned red."""
        try:
            for minor in self.upgrade.minors:
                yield from self._run_minor(minor)
        except _Ordered as order:
            self._end(order.outcome)
            return order.outcome
        except ApprovalMissing:
            raise
        except PipelineError as error:
            if self._reload().end is not None:
                return "cancelled"
            self._stop(error)
            if self.context.env.on_failure != "rollback" or not self._has_changed():
                raise self._failure(error) from error
            yield from self._roll_back()
            return "rolled back"
        self._end("done")
        return "done"

    def _run_minor(self, minor: str) -> Iterator[UnitEnd]:
        if self.upgrade.find("ended", minor, STEPS[-1]):
            return
        self.minor = minor
        units = plan_minor(self.registry, self.context, version_before(minor), minor)
        for self.step in STEPS:
            self.obey_orders()
            if self.upgrade.find("ended", minor, self.step):
                continue
            record_event(self.context, self.upgrade, "begun", minor=minor, step=self.step)
            self.upgrade = self._reload()
            self.context.progress(f"{minor}: {self.step}")
            yield from RUN[self.step](self, units)
            began = self.step_began
            if record_event(self.context, self.upgrade, "ended", minor=minor, step=self.step):
                seconds = (dt.datetime.now(dt.UTC) - began).total_seconds()
                send_notification(self.context, step_ended(self.context.env, self.upgrade, minor, self.step, seconds))

    @property
    def step_began(self) -> dt.datetime:
        """When the step began first, whoever ran it."""
        event = self.upgrade.find("begun", self.minor, self.step)
        return event.at if event else dt.datetime.now(dt.UTC)

    def _reload(self) -> Upgrade:
        return reload_upgrade(self.context, self.upgrade)

    def obey_orders(self) -> None:
        """Raises what ends the run where somebody has paused or cancelled it."""
        self.upgrade = self._reload()
        if self.upgrade.end is not None:
            raise _Ordered("cancelled")
        if self.upgrade.is_paused:
            raise _Ordered("paused")

    def _has_changed(self) -> bool:
        """Whether the step's version has changed anything that could go back."""
        return cluster_version(self.context) == self.minor

    def _end(self, outcome: Outcome) -> None:
        if outcome == "done":
            record_event(self.context, self.upgrade, "done")
        send_notification(self.context, upgrade_ended(self.context.env, self.upgrade, outcome, self.minor, self.step))

    def _stop(self, error: PipelineError) -> None:
        """Record and say why it stands still; that must not hide why."""
        with suppress(PipelineError):
            record_event(
                self.context, self.upgrade, "stopped", minor=self.minor, step=self.step, detail=error.message[:500]
            )
        send_notification(
            self.context, upgrade_stopped(self.context.env, self.upgrade, self.minor, self.step, error.message)
        )

    def _failure(self, error: PipelineError) -> OperationFailed:
        back = f"; or go back: eks-assets rollback {self.context.env.name} --to {version_before(self.minor)}"
        cause = f"{error.next_step}; then " if error.next_step else "fix the cause, then "
        return OperationFailed(
            f"the upgrade to {self.minor} stopped at the step {self.step}: {error.message}",
            next_step=f"{cause}go on: {upgrade_command(self.context.env)}" + (back if self._has_changed() else ""),
        )

    def _roll_back(self) -> Iterator[UnitEnd]:
        """Take the minor version back that stopped: nodes and add-ons, then the control plane."""
        began = self.upgrade.minor_began(self.minor) or self.upgrade.begun.at
        self.hold.take()
        self.context.cache.clear()
        plan = plan_rollback(self.registry, self.context, target_before(began))
        ends: list[UnitEnd] = []
        for end in run_rollback(self.registry, self.context, plan, self.upgrade.begun.who, undo=True):
            ends.append(end)
            yield end
        if bad := [f"{end.unit.name}: {end.reason}" for end in ends if not end.is_good]:
            raise OperationFailed(
                f"the upgrade to {self.minor} stopped at the step {self.step} and did not go back: {'; '.join(bad)}",
                next_step=f"eks-assets rollback {self.context.env.name} --to {version_before(self.minor)} tries again",
            )
        record_event(self.context, self.upgrade, "rolled back", minor=self.minor, step="")
        send_notification(
            self.context, upgrade_ended(self.context.env, self.upgrade, "rolled back", self.minor, self.step)
        )
