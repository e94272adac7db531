"""Rollback: the specs of an earlier run become what is wanted (docs/rollback.md, ADR 22). What is wanted stands in the
ledger; the loop that applies it is the one of every deploy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from eks_assets.engine.declared import list_entries
from eks_assets.engine.kept_specs import hold_spec, is_kept_spec, keep_spec, load_kept_spec, revive_spec
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.engine.redacted import Redaction
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from resources.context import NO_RUN, Context
from resources.drivers.git.restore import find_restore
from resources.drivers.registry import driver_of
from resources.drivers.stack.cluster_guard import minor_of
from resources.drivers.stack.version_rollback import WINDOW, is_lower
from resources.model.errors import ConfigError, NotFound, PipelineError
from resources.model.specs import GitManifests, GitTree, Lookup, Probes, Spec, Stack
from resources.records.applied_units import last_entry, last_success
from resources.records.rollbacks import BEFORE, Hold, Rollback, current_rollback, new_rollback
from resources.records.upgrades import find_beginning
from resources.records.validations import list_validations

WIDTH = 16
_EVER = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_SHOWN = 5  # runs that are offered
_READ_ONLY = (Lookup, Probes)


@dataclass(frozen=True)
class Target:
    """The end of an earlier run, which is rolled back to."""

    run: str
    at: dt.datetime


@dataclass(frozen=True)
class Step:
    """What becomes of one unit that was changed since. `hold`: what it goes back to; None where it stays, for
    `reason`. `until`: when it can go back no more."""

    unit: str
    hold: Hold | None = None
    reason: str = ""
    until: dt.datetime | None = None


@dataclass(frozen=True)
class RollbackPlan:
    """`steps`: every unit that was changed since the target, in the order of the graph."""

    target: Target
    steps: tuple[Step, ...]

    @property
    def holds(self) -> tuple[Hold, ...]:
        return tuple(step.hold for step in self.steps if step.hold is not None)

    @property
    def stays(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.hold is None)


def find_target(context: Context, run: str | None) -> Target:
    """The end of the run whose id begins so; by default of the last one whose validation was green; for a Kubernetes
    version such as 1.34, how everything was before the upgrade from it. Raises ConfigError for a run or an upgrade that
    the ledger does not have, or of which it has several, NotFound, AccessDenied, Transient."""
    if run is None:
        green = next((v for v in list_validations(context) if v.is_green), None)
        if green is None:
            raise ConfigError(
                f"the ledger of {context.env.name} has no run whose validation was green",
                next_step=_offer(_run_ends(context)),
            )
        return Target(green.run, green.at)
    if (minor := minor_of(run)) is not None:
        return _before_upgrade(context, str(run), f"1.{minor + 1}")
    ends = _run_ends(context)
    named = [Target(name, at) for name, at in ends.items() if run and name.startswith(run)]
    if len(named) != 1:
        what = f"{len(named)} runs" if named else "no run"
        raise ConfigError(
            f"the ledger of {context.env.name} has {what} whose id begins with {run!r}", next_step=_offer(ends)
        )
    return named[0]


def _before_upgrade(context: Context, version: str, minor: str) -> Target:
    began = find_beginning(context, minor)
    if began is None:
        raise ConfigError(
            f"the ledger of {context.env.name} has no upgrade to Kubernetes {minor}",
            next_step=f"eks-assets history {context.env.name} shows runs; --to takes one of them too",
        )
    return Target(f"{BEFORE}the upgrade from Kubernetes {version}", began)


def target_before(began: dt.datetime) -> Target:
    """How everything was before a deploy that began then."""
    return Target(f"{BEFORE}{began:%Y-%m-%d %H:%M:%S} UTC", began)


def keep_reversible(registry: Registry, plan: RollbackPlan) -> RollbackPlan:
    """The same plan, of what may go back without anybody asking."""
    kept = (step for step in plan.steps if step.hold is None or registry[step.unit].reversibility == "reversible")
    return RollbackPlan(plan.target, tuple(kept))


def _run_ends(context: Context) -> dict[str, dt.datetime]:
    """When each run changed something or validated last."""
    ends: dict[str, dt.datetime] = {}
    for validation in list_validations(context):
        ends[validation.run] = max(validation.at, ends.get(validation.run, validation.at))
    for entry in list_entries(context, _EVER, []):
        if entry.by != NO_RUN:
            ends[entry.by] = max(entry.at, ends.get(entry.by, entry.at))
    return ends


def _offer(ends: Mapping[str, dt.datetime]) -> str:
    newest = sorted(ends.items(), key=lambda end: end[1], reverse=True)[:_SHOWN]
    runs = ", ".join(f"{name[:8]} ({at:%Y-%m-%d %H:%M})" for name, at in newest)
    return f"choose one with --to: {runs}" if runs else "deploy first; a rollback goes back to what was applied"


def plan_rollback(
    registry: Registry, context: Context, target: Target, only: Collection[str] | None = None
) -> RollbackPlan:
    """What a rollback to the target would hold back, and what stays as it is, and why. Changes nothing but the ledger's
    specs.

    Raises ConfigError where one of `only` cannot go back; AccessDenied, Transient."""
    units = [u for u in registry.units if u.is_enabled(context.env) and (only is None or u.name in only)]
    with ThreadPoolExecutor(WIDTH) as pool:
        steps = [step for step in pool.map(partial(_step, registry, context, target), units) if step is not None]
    stays = [step for step in steps if step.hold is None]
    if only is not None and stays:
        raise ConfigError(
            "\n".join(f"{step.unit} cannot go back: {step.reason}" for step in stays),
            next_step="leave it out, and correct the environment's files instead",
        )
    return RollbackPlan(target, tuple(steps))


def _step(registry: Registry, context: Context, target: Target, unit: AnyUnit) -> Step | None:
    """None where the unit is now as it was then."""
    if issubclass(unit.spec_type, _READ_ONLY):
        return None
    now, then = last_entry(context, unit.name), last_success(context, unit.name, target.at)
    if issubclass(unit.spec_type, GitTree):
        return _branch_step(registry, context, target, unit, is_known=now is not None)
    is_same = now is not None and then is not None and _applied(now) == _applied(then) and now["outcome"] == "done"
    if now is None or is_same or dt.datetime.fromisoformat(now["at"]) <= target.at:
        return _unrecorded_step(registry, context, target, unit, then)
    if now["action"] == "delete":
        return Step(unit.name, reason=f"it was removed since; eks-assets deploy {context.env.name} makes it again")
    if then is None:
        command = f"eks-assets destroy {context.env.name} --removed"
        why = "it did not exist then, and a rollback removes nothing; to remove it switch it off in the file, then: "
        return Step(unit.name, reason=f"{why}{command}")
    if unit.reversibility == "forward-only":
        return Step(unit.name, reason="it is forward-only: it holds data or kinds of objects that others rest on")
    if not then.get("spec"):
        return Step(unit.name, reason="the ledger does not say what was applied then")
    try:
        spec = render_spec(registry, context.env, unit, known_outputs(registry, unit, context))
        before = revive_spec(load_kept_spec(context, then["spec"]), spec, context)
    except PipelineError as error:
        return Step(unit.name, reason=error.message)
    until = _limit(before, spec, dt.datetime.fromisoformat(now["at"]))
    if until is not None and until < dt.datetime.now(dt.UTC):
        return Step(
            unit.name, reason=f"EKS takes a version back for {WINDOW.days} days, which ended at {until:%F %R} UTC"
        )
    hold = _hold(registry, context, target, unit, spec=then["spec"], chart=then.get("chart"))
    return Step(unit.name, hold, until=until)


def _unrecorded_step(
    registry: Registry, context: Context, target: Target, unit: AnyUnit, then: Mapping[str, Any] | None
) -> Step | None:
    """What becomes of a unit that the ledger shows unchanged: a run that was killed between a change and its entry has
    changed it where its files want something else by now and it is not as it was then."""
    if then is None or not then.get("spec") or unit.reversibility == "forward-only":
        return None
    try:
        spec = render_spec(registry, context.env, unit, known_outputs(registry, unit, context))
        if is_kept_spec(context, then["spec"], spec):
            return None
        before = revive_spec(load_kept_spec(context, then["spec"]), spec, context)
        driver = driver_of(before)
        if not driver.plan(before, driver.observe(before, context)).is_needed:
            return None
    except PipelineError as error:
        context.progress(f"{unit.name}: whether a killed run has changed it cannot be seen: {error.message}")
        return None
    return Step(unit.name, _hold(registry, context, target, unit, spec=then["spec"], chart=then.get("chart")))


def _limit(then: Spec[Any], now: Spec[Any], changed_at: dt.datetime) -> dt.datetime | None:
    """Until when it can go back; None: without a limit."""
    if isinstance(then, Stack) and isinstance(now, Stack) and is_lower(then, now):
        return changed_at + WINDOW
    return None


def _branch_step(registry: Registry, context: Context, target: Target, unit: AnyUnit, *, is_known: bool) -> Step | None:
    spec = render_spec(registry, context.env, unit, {})
    if not isinstance(spec, GitTree) or not is_known:
        return None
    try:
        restore = find_restore(spec, context, target.at)
    except NotFound as error:
        return Step(unit.name, reason=error.message)
    return Step(unit.name, _hold(registry, context, target, unit, restore=restore)) if restore else None


def _applied(entry: Any) -> tuple[Any, Any]:
    return entry.get("spec") or entry.get("at"), entry.get("chart")


def _hold(registry: Registry, context: Context, target: Target, unit: AnyUnit, **wanted: Any) -> Hold:
    """Holds the unit back from what its files want now. Raises OperationFailed where that cannot be kept."""
    alone = render_spec(registry, context.env, unit, {})
    held = keep_spec(context, alone, Redaction(context, alone).secrets())
    if held is None:
        raise ConfigError(f"the ledger does not keep what the files want of {unit.name}")
    for digest in filter(None, (held, wanted.get("spec"))):
        hold_spec(context, digest)
    now = dt.datetime.now(dt.UTC)
    return Hold(unit=unit.name, held=held, since=now, run=target.run, **wanted)


def build_rollback(context: Context, plan: RollbackPlan, who: str) -> Rollback:
    """The record of it: its own holds, and those of earlier rollbacks about other units. Raises AccessDenied,
    Transient."""
    before = current_rollback(context)
    own = {hold.unit for hold in plan.holds}
    kept = tuple(hold for hold in before.holds if hold.unit not in own) if before else ()
    return new_rollback(context, who, plan.target.run, (*kept, *plan.holds))


def order_rollback(registry: Registry, back: Collection[str], names: Sequence[str]) -> list[list[str]]:
    """The units `names`, in the order of the graph, as those that are launched together, one after the other: what goes
    `back` before what it needs (nodes before the control plane), then all that follows from it."""
    first = [n for n in names if n in back and not issubclass(registry[n].spec_type, GitManifests | GitTree)]
    levels: dict[str, int] = {}
    for name in reversed(first):
        after = (levels[other] for other in registry.descendants([name]) & levels.keys())
        levels[name] = max(after, default=-1) + 1
    layers = [
        [n for n in reversed(first) if levels[n] == level] for level in range(max(levels.values(), default=-1) + 1)
    ]
    return [layer for layer in (*layers, [n for n in names if n not in levels]) if layer]
